#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs Queue API in IIS, or upgrades it to the version in the folder of this script.

.DESCRIPTION
docs/deploy-iis.md has the steps before and after. The script is idempotent: run it again at any
time.

Pass the same -SiteName, -DataFolder, -Port and -Processes each time.

Each version has its own folder with its own virtual environment. To go back, run the script in the
older folder with -SkipMigration. Secrets and logs are in -DataFolder, which all versions share.

Steps: check the requirements; create the environment file (then stop, so that you can edit it);
create the virtual environment; run the system checks; migrate, while the old version still serves;
stop the pool; point the site to this folder; start; run the smoke test.

.PARAMETER HostName
The host name that clients use.

.PARAMETER CertificateThumbprint
The certificate for the host name, in the machine's store "Personal". Required the first time, and
to change the certificate.

.PARAMETER Port
The HTTPS port.

.PARAMETER Processes
The number of processes that serve the site. More than 1 needs CACHE_URL in the environment file:
see docs/scaling.md.

.PARAMETER SiteName
The name of the site and of its application pool.

.PARAMETER DataFolder
The folder of the environment file and the logs. Default: C:\ProgramData\ and the site's name.

.PARAMETER ServiceAccount
A group managed service account for the pool, as DOMAIN\name$. Without it, the pool keeps its
account; a new pool gets its own, IIS AppPool\SiteName.

.PARAMETER Python
The python.exe that creates the virtual environment. Default: the one that "py -3" starts.

.PARAMETER Packages
A folder of wheels, for a server that cannot reach a package index.

.PARAMETER MigrationDatabaseUrl
The DATABASE_URL of a login that may alter tables, for the migrations only. Prompted for if it is
not given.

.PARAMETER AdoptTables
Take over the tables that OpenOrchestrator created, instead of creating them. Use it once, for the
first migration.

.PARAMETER MigrateOnly
Stop after the migrations. The old version continues to serve.

.PARAMETER SkipMigration
Do not migrate, for example to go back to an older version.

.EXAMPLE
.\deploy\install-iis.ps1 -HostName queue.example.org -CertificateThumbprint 0123...
#>

# Pure ASCII: Windows PowerShell 5.1 reads a script without a byte order mark in the ANSI code page.
#
# Not tested on Windows: the tests parse it with the tree-sitter grammar of PowerShell, and do not run
# it.
#
# IIS is configured with appcmd.exe, which behaves alike in Windows PowerShell and PowerShell 7. The
# module WebAdministration does not.

[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)]
    [ValidatePattern('^[A-Za-z0-9][A-Za-z0-9.-]*$')]
    [string] $HostName,

    [ValidatePattern('^[0-9A-Fa-f]{40}$')]
    [string] $CertificateThumbprint,

    [ValidateRange(1, 65535)]
    [int] $Port = 443,

    [ValidateRange(1, 100)]
    [int] $Processes = 1,

    [ValidatePattern('^[A-Za-z0-9][A-Za-z0-9_-]*$')]
    [string] $SiteName = 'QueueAPI',

    [string] $DataFolder = (Join-Path $env:ProgramData $SiteName),

    [ValidatePattern('^[^\\]+\\[^\\]+\$$')]
    [string] $ServiceAccount,

    [string] $Python,

    [string] $Packages,

    [securestring] $MigrationDatabaseUrl,

    [switch] $AdoptTables,

    [switch] $MigrateOnly,

    [switch] $SkipMigration
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$Root = Split-Path -Parent $PSScriptRoot
$VenvPython = Join-Path $Root '.venv\Scripts\python.exe'
$EnvFile = Join-Path $DataFolder 'queueapi.env'
$Logs = Join-Path $DataFolder 'logs'
$AppCmd = Join-Path $env:windir 'System32\inetsrv\appcmd.exe'
$SystemFolder = Join-Path $env:windir 'System32'

# SIDs, because Windows translates the names of these two accounts.
$System = '*S-1-5-18'
$Administrators = '*S-1-5-32-544'

# Time for requests in progress (requestTimeout in web.config), plus the 20 seconds in which the
# process stops, plus a margin.
$ShutdownLimit = [TimeSpan] '00:02:30'


# Programs

function Invoke-Program {
    # Run a program and show its output. Throw $Failure if it fails.
    param([string] $Program, [string[]] $Arguments, [string] $Failure)

    if (-not (Test-Path $Program)) { throw "There is no $Program." }
    # In some hosts, Windows PowerShell treats a line on standard error as an error.
    $ErrorActionPreference = 'Continue'
    & $Program @Arguments | Out-Host
    if ($LASTEXITCODE -ne 0) {
        if (-not $Failure) { $Failure = "$Program failed with exit code $LASTEXITCODE." }
        throw $Failure
    }
}

function Get-Output {
    # Return the standard output of a program, trimmed; empty if the program fails.
    param([string] $Program, [string[]] $Arguments)

    $ErrorActionPreference = 'Continue'
    if (-not (Test-Path $Program)) { return '' }
    $lines = & $Program @Arguments 2> $null
    if ($LASTEXITCODE -ne 0) { return '' }
    return ($lines -join "`n").Trim()
}

function Test-Program {
    # Return whether a program exits with 0.
    param([string] $Program, [string[]] $Arguments)

    $ErrorActionPreference = 'Continue'
    if (-not (Test-Path $Program)) { return $false }
    & $Program @Arguments *> $null
    return $LASTEXITCODE -eq 0
}


# Requirements

function Assert-Machine {
    if (-not (Test-Path $AppCmd)) {
        throw 'IIS is not installed: Install-WindowsFeature Web-Server, Web-AppInit -IncludeManagementTools'
    }
    if ((Get-Output $AppCmd @('list', 'module')) -notmatch 'httpPlatformHandler') {
        throw ('The IIS module httpPlatformHandler is not installed. Install version 1.2 (x64) from ' +
            'https://www.iis.net/downloads/microsoft/httpplatformhandler and run this again.')
    }
}

function Find-Python {
    $found = $Python
    if (-not $found) {
        $launcher = Get-Command py.exe -ErrorAction SilentlyContinue | Select-Object -First 1
        if ($launcher) {
            $found = Get-Output $launcher.Source @('-3', '-c', 'import sys; print(sys.executable)')
        }
    }
    if (-not $found -or -not (Test-Path $found)) {
        throw ('There is no Python. Install Python 3.11 or newer (64-bit) for all users, or name ' +
            'its python.exe with -Python.')
    }
    $isRight = 'import sys; print(sys.version_info >= (3, 11) and sys.maxsize > 2**32)'
    if ((Get-Output $found @('-c', $isRight)) -ne 'True') {
        throw "$found is not a 64-bit Python 3.11 or newer."
    }
    # The pool's account cannot read the profile of a user.
    $base = Get-Output $found @('-c', 'import sys; print(sys.base_prefix)')
    if ($base -like ((Split-Path -Parent $env:PUBLIC) + '\*')) {
        throw "$base belongs to one user. Install Python for all users, or name another with -Python."
    }
    return $found
}

function Assert-Certificate {
    $path = "Cert:\LocalMachine\My\$CertificateThumbprint"
    if (-not (Test-Path $path)) {
        throw "There is no certificate $CertificateThumbprint in the machine's store Personal."
    }
    $certificate = Get-Item $path
    if (-not $certificate.HasPrivateKey) { throw 'The certificate has no private key on this machine.' }
    if ($certificate.NotAfter -lt (Get-Date)) { throw "The certificate expired on $($certificate.NotAfter)." }
}

function Test-CertificateBinding {
    return Test-Program "$SystemFolder\netsh.exe" @(
        'http', 'show', 'sslcert', "hostnameport=${HostName}:$Port"
    )
}


# Access. Permissions are not inherited from the parent folder; only those granted here apply.

function Set-FolderAccess {
    param([string] $Path, [string[]] $Others)

    $grants = @("${System}:(OI)(CI)F", "${Administrators}:(OI)(CI)F") + $Others
    Invoke-Program "$SystemFolder\icacls.exe" (@($Path, '/q', '/inheritance:r', '/grant:r') + $grants)
}

function Set-FileAccess {
    param([string] $Path, [string[]] $Others)

    Invoke-Program "$SystemFolder\icacls.exe" @($Path, '/q', '/reset')
    $grants = @("${System}:F", "${Administrators}:F") + $Others
    Invoke-Program "$SystemFolder\icacls.exe" (@($Path, '/q', '/inheritance:r', '/grant:r') + $grants)
}

function Set-Access {
    $account = Get-PoolAccount
    # Remove the permissions of a former account.
    foreach ($folder in @($DataFolder, $Logs, $Root)) {
        Invoke-Program "$SystemFolder\icacls.exe" @($folder, '/q', '/reset')
    }
    Set-FolderAccess $DataFolder @("${account}:RX")
    Set-FolderAccess $Logs @("${account}:(OI)(CI)M")
    Set-FileAccess $EnvFile @("${account}:R")
    # The code and the virtual environment: read and execute only.
    Set-FolderAccess $Root @("${account}:(OI)(CI)RX")
    Invoke-Program "$SystemFolder\icacls.exe" @("$Root\*", '/q', '/reset', '/t', '/c')
}


# The environment file

function Assert-EnvFile {
    # Every user may create files in ProgramData, and the owner of a file can always read it.
    $owner = (Get-Acl -Path $EnvFile).GetOwner([Security.Principal.SecurityIdentifier]).Value
    if (@($System, $Administrators) -notcontains "*$owner") {
        throw ("$EnvFile is not owned by the administrators. Check its content, then run: " +
            "icacls $EnvFile /setowner $Administrators")
    }
    # The check security_app.E001 says the same, after packages are installed.
    $isSet = Select-String -Quiet -CaseSensitive -Path $EnvFile -Pattern '^\s*CACHE_URL\s*=\s*[^\s#]'
    if ($Processes -gt 1 -and -not $isSet) {
        throw ("$Processes processes need a Redis in which they count the rates together, and there is no " +
            "CACHE_URL in $EnvFile. Set it, or run this without -Processes. Nothing was installed.")
    }
}

function New-EnvFile {
    # Restrict the folder before it has content. Every user may create folders in ProgramData, so take
    # the ownership of one that exists.
    New-Item -ItemType Directory -Force -Path $DataFolder | Out-Null
    $icacls = "$SystemFolder\icacls.exe"
    Invoke-Program $icacls @($DataFolder, '/q', '/setowner', $Administrators, '/t')
    Invoke-Program $icacls @($DataFolder, '/q', '/reset', '/t')
    Set-FolderAccess $DataFolder @()
    $bytes = New-Object byte[] 50
    $random = [Security.Cryptography.RandomNumberGenerator]::Create()
    $random.GetBytes($bytes)
    $random.Dispose()
    $secret = [Convert]::ToBase64String($bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_')
    $text = [IO.File]::ReadAllText((Join-Path $Root '.env.example'))
    $text = $text -replace '(?m)^SECRET_KEY=.*$', "SECRET_KEY=$secret"
    $text = $text -replace '(?m)^ALLOWED_HOSTS=.*$', "ALLOWED_HOSTS=$HostName"
    # UTF-8 without a byte order mark. Set-Content of Windows PowerShell always writes one.
    [IO.File]::WriteAllText($EnvFile, $text, (New-Object Text.UTF8Encoding $false))
}


# The virtual environment

function Install-Packages {
    if (-not (Test-Program $VenvPython @('-m', 'pip', '--version'))) {
        $found = Find-Python
        Write-Host "Creating the virtual environment with $found ..."
        Invoke-Program $found @('-m', 'venv', '--clear', (Join-Path $Root '.venv'))
    }
    Write-Host 'Installing the packages ...'
    $pip = @('-m', 'pip', '--disable-pip-version-check', 'install', '--quiet')
    if ($Packages) { $pip += @('--no-index', '--find-links', $Packages) }
    Invoke-Program $VenvPython ($pip + @('-r', (Join-Path $Root 'requirements.txt'))) `
        'The packages could not be installed; see the output of pip above.'
    # Compile here, because the pool's account cannot write byte code.
    $folders = @('queueapi', 'queues', 'security', 'triggers') | ForEach-Object { Join-Path $Root $_ }
    Invoke-Program $VenvPython (@('-m', 'compileall', '-q') + $folders)
    if (-not (Test-Program $VenvPython @('-c', 'import mssql_python'))) {
        Write-Warning ('The driver mssql_python cannot be loaded. Install the Microsoft Visual C++ ' +
            'Redistributable (x64); or use pyodbc, as the environment file explains.')
    }
    # No collectstatic: WhiteNoise serves the admin's static files from the installed packages.
}


# The database

function Update-Database {
    # The URL is passed in the environment, because command lines may be logged.
    $secureUrl = $MigrationDatabaseUrl
    if ($null -eq $secureUrl) {
        $secureUrl = Read-Host -AsSecureString -Prompt (
            'DATABASE_URL for the migrations (Enter: the one in the environment file)')
    }
    $plain = (New-Object Net.NetworkCredential('', $secureUrl)).Password
    $manage = Join-Path $Root 'manage.py'
    $before = @{
        ENV_FILE = $env:ENV_FILE; DATABASE_URL = $env:DATABASE_URL; WEB_PROCESSES = $env:WEB_PROCESSES
    }
    try {
        $env:ENV_FILE = $EnvFile
        if ($Processes -gt 1) { $env:WEB_PROCESSES = $Processes }
        $env:DATABASE_URL = $(if ($plain) { $plain } else { $null })  # null removes the variable
        Write-Host 'Checking the settings and the database ...'
        Invoke-Program $VenvPython @($manage, 'check', '--deploy', '--database', 'default') `
            'The check failed; see its output above. Nothing was changed.'
        Write-Host 'Migrating the database ...'
        $migrate = @($manage, 'migrate', '--no-input')
        if ($AdoptTables) { $migrate += '--fake-initial' }
        Invoke-Program $VenvPython $migrate `
            'The migration failed; see its output above. The old version still serves.'
    }
    finally {
        $env:ENV_FILE = $before.ENV_FILE
        $env:DATABASE_URL = $before.DATABASE_URL
        $env:WEB_PROCESSES = $before.WEB_PROCESSES
    }
}


# The application pool

function New-Pool {
    if ((Get-Output $AppCmd @('list', 'apppool', $SiteName, '/text:name')) -ne $SiteName) {
        Invoke-Program $AppCmd @(
            'add', 'apppool', "/name:$SiteName", '/processModel.identityType:ApplicationPoolIdentity'
        )
    }
}

function Set-Pool {
    Invoke-Program $AppCmd @(
        'set', 'apppool', $SiteName
        '/managedRuntimeVersion:'  # no .NET
        '/enable32BitAppOnWin64:false'
        # Start with Windows; no idle timeout and no periodic recycling.
        '/autoStart:true'
        '/startMode:AlwaysRunning'
        '/processModel.idleTimeout:00:00:00'
        '/recycling.periodicRestart.time:00:00:00'
        # One worker process of IIS, which starts the processes of web.config; more would start as
        # many each. With one process, which counts the rates, a new one starts after the old one has
        # ended; several count in Redis, so new ones start before the old ones end.
        '/processModel.maxProcesses:1'
        "/recycling.disallowOverlappingRotation:$(($Processes -eq 1).ToString().ToLower())"
        "/processModel.shutdownTimeLimit:$ShutdownLimit"
        # Stop a pool whose process fails repeatedly, and log that, instead of restarting forever.
        '/failure.rapidFailProtection:true'
        '/recycling.logEventOnRecycle:Time,Requests,Schedule,Memory,IsapiUnhealthy,OnDemand,ConfigChange,PrivateMemory'
    )
    if ($ServiceAccount) {
        # Windows manages the password of such an account.
        Invoke-Program $AppCmd @(
            'set', 'apppool', $SiteName, '/processModel.identityType:SpecificUser'
            "/processModel.userName:$ServiceAccount", '/processModel.password:'
        )
    }
}

function Get-PoolAccount {
    if ($ServiceAccount) { return $ServiceAccount }
    $identity = Get-Output $AppCmd @('list', 'apppool', $SiteName, '/text:processModel.identityType')
    if ($identity -eq 'ApplicationPoolIdentity') { return "IIS AppPool\$SiteName" }
    if ($identity -eq 'SpecificUser') {
        return Get-Output $AppCmd @('list', 'apppool', $SiteName, '/text:processModel.userName')
    }
    throw "The pool runs as $identity, which other services share. Give it its own account."
}

function Get-PoolState {
    return Get-Output $AppCmd @('list', 'apppool', $SiteName, '/text:state')
}

function Stop-Pool {
    if ((Get-PoolState) -eq 'Stopped') { return }
    Write-Host 'Stopping, after requests in progress have finished ...'
    Invoke-Program $AppCmd @('stop', 'apppool', $SiteName)
    for ($second = 0; (Get-PoolState) -ne 'Stopped'; $second++) {
        if ($second -gt $ShutdownLimit.TotalSeconds + 30) { throw 'The application pool does not stop.' }
        Start-Sleep -Seconds 1
    }
}


# The site

function Set-WebConfig {
    # Set what depends on the installation in web.config: two paths and the number of processes.
    $path = Join-Path $Root 'web.config'
    $xml = New-Object Xml.XmlDocument
    $xml.PreserveWhitespace = $true
    $xml.Load($path)
    $before = $xml.OuterXml
    $platform = $xml.SelectSingleNode('/configuration/system.webServer/httpPlatform')
    $platform.SetAttribute('stdoutLogFile', (Join-Path $Logs 'stdout'))
    $platform.SetAttribute('processesPerApplication', $Processes)
    $variable = $platform.SelectSingleNode("environmentVariables/environmentVariable[@name='ENV_FILE']")
    $variable.SetAttribute('value', $EnvFile)
    # Only for several processes: it would override the environment file, which may count those of
    # other machines.
    $variables = $platform.SelectSingleNode('environmentVariables')
    $variable = $variables.SelectSingleNode("environmentVariable[@name='WEB_PROCESSES']")
    if ($Processes -gt 1) {
        if (-not $variable) {
            $variable = $variables.AppendChild($xml.CreateElement('environmentVariable'))
            $variable.SetAttribute('name', 'WEB_PROCESSES')
        }
        $variable.SetAttribute('value', $Processes)
    }
    elseif ($variable) { [void] $variables.RemoveChild($variable) }
    # Writing this file restarts the processes.
    if ($xml.OuterXml -ne $before) { $xml.Save($path) }
}

function Set-CertificateBinding {
    $netsh = "$SystemFolder\netsh.exe"
    $operation = $(if (Test-CertificateBinding) { 'update' } else { 'add' })
    # IIS's own application id, by which it recognizes its bindings.
    Invoke-Program $netsh @(
        'http', $operation, 'sslcert', "hostnameport=${HostName}:$Port", "certhash=$CertificateThumbprint"
        'certstorename=MY', 'appid={4dc3e181-e14b-4a21-b022-59fc669b0914}'
    )
}

function Initialize-Site {
    $binding = "*:${Port}:$HostName"
    if ((Get-Output $AppCmd @('list', 'site', $SiteName, '/text:name')) -ne $SiteName) {
        # HTTPS only: a request by HTTP has already sent its key unencrypted.
        Invoke-Program $AppCmd @(
            'add', 'site', "/name:$SiteName", "/physicalPath:$Root", "/bindings:https/$binding"
        )
    }
    elseif ((Get-Output $AppCmd @('list', 'site', $SiteName, '/text:bindings')) -notmatch [regex]::Escape("https/$binding")) {
        Invoke-Program $AppCmd @(
            'set', 'site', $SiteName, "/+bindings.[protocol='https',bindingInformation='$binding']"
        )
    }
    # 1: select the certificate by the requested host name (SNI).
    Invoke-Program $AppCmd @(
        'set', 'site', $SiteName
        "/bindings.[protocol='https',bindingInformation='$binding'].sslFlags:1"
    )
    if ($CertificateThumbprint) { Set-CertificateBinding }
    Invoke-Program $AppCmd @('set', 'vdir', "$SiteName/", "/physicalPath:$Root")
    Invoke-Program $AppCmd @(
        'set', 'app', "$SiteName/", "/applicationPool:$SiteName", '/preloadEnabled:true'
    )
    # IIS's default fields of the log without UriQuery and Referer: the URLs of the API and of the admin
    # have references of items and searched texts in their queries.
    $fields = 'Date,Time,ClientIP,UserName,ServerIP,Method,UriStem,TimeTaken,HttpStatus,Win32Status,ServerPort,UserAgent,HttpSubStatus'
    Invoke-Program $AppCmd @('set', 'site', $SiteName, "/logFile.logExtFileFlags:$fields")
    # Requests run as the pool's account, the only one that can read the folder.
    Invoke-Program $AppCmd @(
        'set', 'config', $SiteName
        '/section:system.webServer/security/authentication/anonymousAuthentication'
        '/enabled:true', '/userName:', '/commit:apphost'
    )
    foreach ($section in @('handlers', 'httpPlatform')) {
        # For this site only. Servers lock the first section. Microsoft's documentation has two forms
        # of the last argument.
        foreach ($commit in @('/commit:apphost', '/commitpath:apphost')) {
            $unlock = @('unlock', 'config', $SiteName, "/section:system.webServer/$section", $commit)
            if (Test-Program $AppCmd $unlock) { break }
        }
    }
    foreach ($section in @('handlers', 'httpPlatform', 'httpErrors', 'security/requestFiltering', 'httpProtocol')) {
        if (-not (Test-Program $AppCmd @('list', 'config', $SiteName, "/section:system.webServer/$section"))) {
            throw ("IIS cannot read $section of web.config; usually the section is locked. See the reason with " +
                "$AppCmd list config $SiteName /section:system.webServer/$section, and unlock it with " +
                "$AppCmd unlock config /section:system.webServer/$section")
        }
    }
}

function Start-Site {
    if ((Get-PoolState) -ne 'Started') { Invoke-Program $AppCmd @('start', 'apppool', $SiteName) }
    if ((Get-Output $AppCmd @('list', 'site', $SiteName, '/text:state')) -ne 'Started') {
        Invoke-Program $AppCmd @('start', 'site', $SiteName)
    }
}


# Main

Assert-Machine
if ($CertificateThumbprint) { Assert-Certificate }
elseif (-not $MigrateOnly -and -not (Test-CertificateBinding)) {
    throw "There is no certificate for ${HostName}:$Port yet: pass -CertificateThumbprint."
}

# Before any code of this folder runs: in a new folder on C:\, every user may change files.
Set-FolderAccess $Root @()

if (-not (Test-Path $EnvFile)) {
    New-EnvFile
    Write-Host "Created $EnvFile, with a SECRET_KEY."
    Write-Host 'Set DATABASE_URL in it, check the other settings, and run this again.'
    exit 2
}
Assert-EnvFile

Install-Packages
if (-not $SkipMigration) { Update-Database }
if ($MigrateOnly) {
    Write-Host 'The database is migrated; nothing else was changed.'
    exit 0
}

$former = Get-Output $AppCmd @('list', 'vdir', "$SiteName/", '/text:physicalPath')
New-Item -ItemType Directory -Force -Path $Logs | Out-Null
Copy-Item -Force -Path (Join-Path $PSScriptRoot 'maintenance.ps1') -Destination $DataFolder
New-Pool
Set-Access
$url = "https://$HostName"
if ($Port -ne 443) { $url = "https://${HostName}:$Port" }
try {
    Stop-Pool
    Set-Pool
    Set-WebConfig
    Initialize-Site
    Start-Site
    Write-Host 'Running the smoke test ...'
    Invoke-Program $VenvPython @(
        (Join-Path $Root 'deploy\smoke_test.py'), $url, '--connect', '127.0.0.1'
    ) 'The smoke test failed; see the line above.'
}
catch {
    $hint = ''
    if ($former -and $former -ne $Root) {
        $hint = " The old version is in $former. To go back, run its deploy\install-iis.ps1 with -SkipMigration."
    }
    throw "$_$hint"
}
Write-Host "Queue API runs from $Root at $url. Its logs are in $Logs."
