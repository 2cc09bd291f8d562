<#
.SYNOPSIS
Deletes what is kept no longer: old logs, old failed attempts and sessions that have ended.

.DESCRIPTION
For a scheduled task; docs/deploy-iis.md has it. install-iis.ps1 copies this file beside the
environment file, where it stays when another version serves.

.PARAMETER SiteName
The name of the site in IIS.

.PARAMETER LogDays
How many days to keep a log after its last line.
#>

# Pure ASCII, and as little checked as install-iis.ps1, which says how.

[CmdletBinding()]
param(
    [string] $SiteName = 'QueueAPI',

    [int] $LogDays = 30
)

Set-StrictMode -Version Latest

$env:ENV_FILE = Join-Path $PSScriptRoot 'queueapi.env'

# The version that serves now.
$root = & "$env:windir\System32\inetsrv\appcmd.exe" list vdir "$SiteName/" /text:physicalPath
$failed = $false
foreach ($command in @('prune_failed_attempts', 'clearsessions')) {
    & "$root\.venv\Scripts\python.exe" "$root\manage.py" $command
    if ($LASTEXITCODE -ne 0) { $failed = $true }
}

# The log of the process that runs is open, and is not deleted.
Get-ChildItem -Path (Join-Path $PSScriptRoot 'logs') -Filter 'stdout*' |
    Where-Object { $_.LastWriteTime -lt (Get-Date).AddDays(-$LogDays) } |
    Remove-Item -ErrorAction SilentlyContinue

if ($failed) { exit 1 }
