<#
.SYNOPSIS
Scheduled maintenance: deletes old logs, failed attempts, bans and idempotency keys, and expired
sessions.

.DESCRIPTION
Run it from a scheduled task; docs/deploy-iis.md has the command. install-iis.ps1 copies this file to
the folder of the environment file, which all versions share.

.PARAMETER SiteName
The name of the site in IIS.

.PARAMETER LogDays
Days to keep a log after its last line.

.PARAMETER Alerts
Only send alerts by mail. Use it in a scheduled task of its own, every 5 minutes.
#>

# Pure ASCII, and not tested on Windows, like install-iis.ps1.

[CmdletBinding()]
param(
    [string] $SiteName = 'QueueAPI',

    [int] $LogDays = 30,

    [switch] $Alerts
)

Set-StrictMode -Version Latest

$env:ENV_FILE = Join-Path $PSScriptRoot 'queueapi.env'

# The folder of the current version.
$root = & "$env:windir\System32\inetsrv\appcmd.exe" list vdir "$SiteName/" /text:physicalPath
$commands = @('prune_failed_attempts', 'prune_idempotency_keys', 'clearsessions')
if ($Alerts) { $commands = @('send_alerts') }
$failed = $false
foreach ($command in $commands) {
    & "$root\.venv\Scripts\python.exe" "$root\manage.py" $command
    if ($LASTEXITCODE -ne 0) { $failed = $true }
}

# Windows does not delete the log of the running process, which is open.
if (-not $Alerts) {
    Get-ChildItem -Path (Join-Path $PSScriptRoot 'logs') -Filter 'stdout*' |
        Where-Object { $_.LastWriteTime -lt (Get-Date).AddDays(-$LogDays) } |
        Remove-Item -ErrorAction SilentlyContinue
}

if ($failed) { exit 1 }
