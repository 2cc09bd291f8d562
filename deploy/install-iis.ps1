#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs Queue API in IIS, or upgrades it to the version in whose folder this script lies.

.DESCRIPTION
docs/deploy-iis.md has the steps before and after. The script can be run again at any time: it
makes what is missing and leaves what is right.

Whatever is said of -SiteName, -DataFolder and -Port has to be said each time.

Each version has a folder of its own, with its own virtual environment, so that going back is
running the older folder's script with -SkipMigration. Secrets and logs are in -DataFolder, which
all versions share.

In this order: look whether all that is needed is there; make the environment file (then it stops,
so that you can fill it in); make the virtual environment; check; migrate, while the version before
still serves; stop it; point the site to this folder; start; ask a few questions.

.PARAMETER HostName
The name that clients use.

.PARAMETER CertificateThumbprint
The certificate of that name, in the machine's store "Personal". Needed the first time, and to
change to another certificate.

.PARAMETER Port
The port of HTTPS.

.PARAMETER SiteName
The name of the site and of its application pool.

.PARAMETER DataFolder
Where the environment file and the logs are. By default C:\ProgramData\ and the site's name.

.PARAMETER ServiceAccount
A group managed service account, as DOMAIN\name$, under which the pool is to run. Left out, the
pool keeps the account that it has; a new one has the account made for it, IIS AppPool\SiteName.

.PARAMETER Python
The python.exe to make the virtual environment with. By default the one that "py -3" starts.

.PARAMETER Packages
A folder of wheels to install from, on a server that can't reach a package index.

.PARAMETER MigrationDatabaseUrl
The DATABASE_URL of a login that may change tables, for the migrations only. Asked for if it is
left out.

.PARAMETER AdoptTables
Take over tables that OpenOrchestrator made, instead of making them: once, at the first migration.

.PARAMETER MigrateOnly
Stop after the migrations. What serves goes on as it was.

.PARAMETER SkipMigration
Leave the database as it is: to go back to an older version.

.EXAMPLE
.\deploy\install-iis.ps1 -HostName queue.example.org -CertificateThumbprint 0123...
#>

# Pure ASCII: Windows PowerShell 5.1 reads a script without a byte order mark in the ANSI code page.
#
# It was written without a Windows machine at hand. It was parsed by the tree-sitter grammar of
# PowerShell (as the tests do), and not by PowerShell itself; nothing in it was run.
#
# IIS is set by appcmd.exe, which is the same under Windows PowerShell and PowerShell 7. The module
# WebAdministration is not.

[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)]
    [ValidatePattern('^[A-Za-z0-9][A-Za-z0-9.-]*$')]
    [string] $HostName,

    [ValidatePattern('^[0-9A-Fa-f]{40}$')]
    [string] $CertificateThumbprint,

    [ValidateRange(1, 65535)]
    [int] $Port = 443,

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

# By number, because Windows translates the names of these two.
$System = '*S-1-5-18'
$Administrators = '*S-1-5-32-544'

# The longest that requests under way may take (requestTimeout of web.config), and the 20 seconds
# in which our process ends by itself, and some more.
$ShutdownLimit = [TimeSpan] '00:02:30'


# Programs.

function Invoke-Program {
    # Runs a program, shows what it says, and stops the script if it fails.
    param([string] $Program, [string[]] $Arguments, [string] $Failure)

    if (-not (Test-Path $Program)) { throw "There is no $Program." }
    # Windows PowerShell takes a line on standard error for an error in some hosts.
    $ErrorActionPreference = 'Continue'
    & $Program @Arguments | Out-Host
    if ($LASTEXITCODE -ne 0) {
        if (-not $Failure) { $Failure = "$Program failed with exit code $LASTEXITCODE." }
        throw $Failure
    }
}

function Get-Answer {
    # What a program says on standard output, without white space around it; empty if it fails.
    param([string] $Program, [string[]] $Arguments)

    $ErrorActionPreference = 'Continue'
    if (-not (Test-Path $Program)) { return '' }
    $lines = & $Program @Arguments 2> $null
    if ($LASTEXITCODE -ne 0) { return '' }
    return ($lines -join "`n").Trim()
}

function Test-Program {
    # Whether a program ends well.
    param([string] $Program, [string[]] $Arguments)

    $ErrorActionPreference = 'Continue'
    if (-not (Test-Path $Program)) { return $false }
    & $Program @Arguments *> $null
    return $LASTEXITCODE -eq 0
}


# What has to be there first.

function Assert-Machine {
    if (-not (Test-Path $AppCmd)) {
        throw 'IIS is not installed: Install-WindowsFeature Web-Server, Web-AppInit -IncludeManagementTools'
    }
    if ((Get-Answer $AppCmd @('list', 'module')) -notmatch 'httpPlatformHandler') {
        throw ('The IIS module httpPlatformHandler is not installed. Install version 1.2 (x64) from ' +
            'https://www.iis.net/downloads/microsoft/httpplatformhandler and run this again.')
    }
}

function Find-Python {
    $found = $Python
    if (-not $found) {
        $launcher = Get-Command py.exe -ErrorAction SilentlyContinue | Select-Object -First 1
        if ($launcher) {
            $found = Get-Answer $launcher.Source @('-3', '-c', 'import sys; print(sys.executable)')
        }
    }
    if (-not $found -or -not (Test-Path $found)) {
        throw ('There is no Python. Install Python 3.11 or newer (64-bit) for all users, or name ' +
            'its python.exe with -Python.')
    }
    $isRight = 'import sys; print(sys.version_info >= (3, 11) and sys.maxsize > 2**32)'
    if ((Get-Answer $found @('-c', $isRight)) -ne 'True') {
        throw "$found is not a 64-bit Python 3.11 or newer."
    }
    # The pool's account can't read into the profile of the person who installed it.
    $base = Get-Answer $found @('-c', 'import sys; print(sys.base_prefix)')
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
    if ($certificate.NotAfter -lt (Get-Date)) { throw "The certificate ended on $($certificate.NotAfter)." }
}

function Test-CertificateBinding {
    return Test-Program "$SystemFolder\netsh.exe" @(
        'http', 'show', 'sslcert', "hostnameport=${HostName}:$Port"
    )
}


# Access. What is not said here is not allowed: nothing is inherited from the folder above.

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
    # What another account was granted before goes first.
    foreach ($folder in @($DataFolder, $Logs, $Root)) {
        Invoke-Program "$SystemFolder\icacls.exe" @($folder, '/q', '/reset')
    }
    Set-FolderAccess $DataFolder @("${account}:RX")
    Set-FolderAccess $Logs @("${account}:(OI)(CI)M")
    Set-FileAccess $EnvFile @("${account}:R")
    # The code and the virtual environment: the account reads and runs them, and changes nothing.
    Set-FolderAccess $Root @("${account}:(OI)(CI)RX")
    Invoke-Program "$SystemFolder\icacls.exe" @("$Root\*", '/q', '/reset', '/t', '/c')
}


# The environment file.

function Assert-EnvFile {
    # Every user may make files in ProgramData, and whoever owns one may read it whatever we grant.
    $owner = (Get-Acl -Path $EnvFile).GetOwner([Security.Principal.SecurityIdentifier]).Value
    if (@($System, $Administrators) -notcontains "*$owner") {
        throw ("$EnvFile does not belong to the administrators. Look whether what is in it is yours, " +
            "and give it to them: icacls $EnvFile /setowner $Administrators")
    }
}

function New-EnvFile {
    # Closed before anything is in it. Every user may make folders in ProgramData: if this one was
    # there, it stops being its maker's.
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
    # UTF-8 without a byte order mark, which Set-Content of Windows PowerShell can't write.
    [IO.File]::WriteAllText($EnvFile, $text, (New-Object Text.UTF8Encoding $false))
}


# The virtual environment.

function Install-Packages {
    if (-not (Test-Program $VenvPython @('-m', 'pip', '--version'))) {
        $found = Find-Python
        Write-Host "Making the virtual environment with $found ..."
        Invoke-Program $found @('-m', 'venv', '--clear', (Join-Path $Root '.venv'))
    }
    Write-Host 'Installing the packages ...'
    $pip = @('-m', 'pip', '--disable-pip-version-check', 'install', '--quiet')
    if ($Packages) { $pip += @('--no-index', '--find-links', $Packages) }
    Invoke-Program $VenvPython ($pip + @('-r', (Join-Path $Root 'requirements.txt'))) `
        'The packages could not be installed; what pip says above tells why.'
    # The pool's account may not write byte code beside the code, so it is made here.
    $folders = @('queueapi', 'queues', 'security', 'triggers') | ForEach-Object { Join-Path $Root $_ }
    Invoke-Program $VenvPython (@('-m', 'compileall', '-q') + $folders)
    if (-not (Test-Program $VenvPython @('-c', 'import mssql_python'))) {
        Write-Warning ('The driver mssql_python can not be loaded. Install the Microsoft Visual C++ ' +
            'Redistributable (x64); or use pyodbc, as the environment file explains.')
    }
    # There are no static files to collect: WhiteNoise serves those of the admin straight from the
    # installed packages.
}


# The database.

function Update-Database {
    # The address travels in the environment: a command line may be logged.
    $address = $MigrationDatabaseUrl
    if ($null -eq $address) {
        $address = Read-Host -AsSecureString -Prompt (
            'DATABASE_URL for the migrations (Enter: the one in the environment file)')
    }
    $plain = (New-Object Net.NetworkCredential('', $address)).Password
    $manage = Join-Path $Root 'manage.py'
    $before = @{ ENV_FILE = $env:ENV_FILE; DATABASE_URL = $env:DATABASE_URL }
    try {
        $env:ENV_FILE = $EnvFile
        $env:DATABASE_URL = $(if ($plain) { $plain } else { $null })  # null takes it away
        Write-Host 'Checking the settings and the database ...'
        Invoke-Program $VenvPython @($manage, 'check', '--deploy', '--database', 'default') `
            'The check failed; what it says above tells why. Nothing was changed.'
        Write-Host 'Migrating the database ...'
        $migrate = @($manage, 'migrate', '--no-input')
        if ($AdoptTables) { $migrate += '--fake-initial' }
        Invoke-Program $VenvPython $migrate `
            'The migration failed; what it says above tells why. What served before still serves.'
    }
    finally {
        $env:ENV_FILE = $before.ENV_FILE
        $env:DATABASE_URL = $before.DATABASE_URL
    }
}


# The application pool.

function New-Pool {
    if ((Get-Answer $AppCmd @('list', 'apppool', $SiteName, '/text:name')) -ne $SiteName) {
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
        # Always there: it starts with Windows, and no pause and no clock ends it.
        '/autoStart:true'
        '/startMode:AlwaysRunning'
        '/processModel.idleTimeout:00:00:00'
        '/recycling.periodicRestart.time:00:00:00'
        # One process, which counts the rates: the new one starts when the old one has ended.
        '/processModel.maxProcesses:1'
        '/recycling.disallowOverlappingRotation:true'
        "/processModel.shutdownTimeLimit:$ShutdownLimit"
        # What can't run stops, and says so in the event log, instead of going round and round.
        '/failure.rapidFailProtection:true'
        '/recycling.logEventOnRecycle:Time,Requests,Schedule,Memory,IsapiUnhealthy,OnDemand,ConfigChange,PrivateMemory'
    )
    if ($ServiceAccount) {
        # Windows keeps the password of such an account.
        Invoke-Program $AppCmd @(
            'set', 'apppool', $SiteName, '/processModel.identityType:SpecificUser'
            "/processModel.userName:$ServiceAccount", '/processModel.password:'
        )
    }
}

function Get-PoolAccount {
    if ($ServiceAccount) { return $ServiceAccount }
    $kind = Get-Answer $AppCmd @('list', 'apppool', $SiteName, '/text:processModel.identityType')
    if ($kind -eq 'ApplicationPoolIdentity') { return "IIS AppPool\$SiteName" }
    if ($kind -eq 'SpecificUser') {
        return Get-Answer $AppCmd @('list', 'apppool', $SiteName, '/text:processModel.userName')
    }
    throw "The pool runs as $kind, which other services share. Give it an account of its own."
}

function Get-PoolState {
    return Get-Answer $AppCmd @('list', 'apppool', $SiteName, '/text:state')
}

function Stop-Pool {
    if ((Get-PoolState) -eq 'Stopped') { return }
    Write-Host 'Stopping; requests under way are finished first ...'
    Invoke-Program $AppCmd @('stop', 'apppool', $SiteName)
    for ($second = 0; (Get-PoolState) -ne 'Stopped'; $second++) {
        if ($second -gt $ShutdownLimit.TotalSeconds + 30) { throw 'The application pool does not stop.' }
        Start-Sleep -Seconds 1
    }
}


# The site.

function Set-WebConfig {
    # The two paths in web.config that are this installation's own.
    $path = Join-Path $Root 'web.config'
    $xml = New-Object Xml.XmlDocument
    $xml.PreserveWhitespace = $true
    $xml.Load($path)
    $before = $xml.OuterXml
    $platform = $xml.SelectSingleNode('/configuration/system.webServer/httpPlatform')
    $platform.SetAttribute('stdoutLogFile', (Join-Path $Logs 'stdout'))
    $variable = $platform.SelectSingleNode("environmentVariables/environmentVariable[@name='ENV_FILE']")
    $variable.SetAttribute('value', $EnvFile)
    # To write this file restarts what it serves.
    if ($xml.OuterXml -ne $before) { $xml.Save($path) }
}

function Set-CertificateBinding {
    $netsh = "$SystemFolder\netsh.exe"
    $verb = $(if (Test-CertificateBinding) { 'update' } else { 'add' })
    # The number is IIS's own, by which it knows its bindings again.
    Invoke-Program $netsh @(
        'http', $verb, 'sslcert', "hostnameport=${HostName}:$Port", "certhash=$CertificateThumbprint"
        'certstorename=MY', 'appid={4dc3e181-e14b-4a21-b022-59fc669b0914}'
    )
}

function Initialize-Site {
    $binding = "*:${Port}:$HostName"
    if ((Get-Answer $AppCmd @('list', 'site', $SiteName, '/text:name')) -ne $SiteName) {
        # HTTPS only: what comes by plain HTTP has shown its key to the network already.
        Invoke-Program $AppCmd @(
            'add', 'site', "/name:$SiteName", "/physicalPath:$Root", "/bindings:https/$binding"
        )
    }
    elseif ((Get-Answer $AppCmd @('list', 'site', $SiteName, '/text:bindings')) -notmatch [regex]::Escape("https/$binding")) {
        Invoke-Program $AppCmd @(
            'set', 'site', $SiteName, "/+bindings.[protocol='https',bindingInformation='$binding']"
        )
    }
    # 1: the certificate is chosen by the name that the client asks for (SNI).
    Invoke-Program $AppCmd @(
        'set', 'site', $SiteName
        "/bindings.[protocol='https',bindingInformation='$binding'].sslFlags:1"
    )
    if ($CertificateThumbprint) { Set-CertificateBinding }
    Invoke-Program $AppCmd @('set', 'vdir', "$SiteName/", "/physicalPath:$Root")
    Invoke-Program $AppCmd @(
        'set', 'app', "$SiteName/", "/applicationPool:$SiteName", '/preloadEnabled:true'
    )
    # Requests act as the pool's account, which is the only one that may read the folder.
    Invoke-Program $AppCmd @(
        'set', 'config', $SiteName
        '/section:system.webServer/security/authentication/anonymousAuthentication'
        '/enabled:true', '/userName:', '/commit:apphost'
    )
    foreach ($section in @('handlers', 'httpPlatform')) {
        # For this site alone. A server has the first one locked. Microsoft's pages write the last
        # argument in two ways.
        foreach ($place in @('/commit:apphost', '/commitpath:apphost')) {
            $unlock = @('unlock', 'config', $SiteName, "/section:system.webServer/$section", $place)
            if (Test-Program $AppCmd $unlock) { break }
        }
    }
    foreach ($section in @('handlers', 'httpPlatform', 'httpErrors', 'security/requestFiltering', 'httpProtocol')) {
        if (-not (Test-Program $AppCmd @('list', 'config', $SiteName, "/section:system.webServer/$section"))) {
            throw ("IIS can not read $section of web.config; mostly the section is locked. See why with " +
                "$AppCmd list config $SiteName /section:system.webServer/$section, and unlock it with " +
                "$AppCmd unlock config /section:system.webServer/$section")
        }
    }
}

function Start-Site {
    if ((Get-PoolState) -ne 'Started') { Invoke-Program $AppCmd @('start', 'apppool', $SiteName) }
    if ((Get-Answer $AppCmd @('list', 'site', $SiteName, '/text:state')) -ne 'Started') {
        Invoke-Program $AppCmd @('start', 'site', $SiteName)
    }
}


# All of it.

Assert-Machine
if ($CertificateThumbprint) { Assert-Certificate }
elseif (-not $MigrateOnly -and -not (Test-CertificateBinding)) {
    throw "There is no certificate for ${HostName}:$Port yet: name it with -CertificateThumbprint."
}

# Before anything of it runs: in a new folder on C:\, every user may change files.
Set-FolderAccess $Root @()

if (-not (Test-Path $EnvFile)) {
    New-EnvFile
    Write-Host "Made $EnvFile, with a SECRET_KEY."
    Write-Host 'Set DATABASE_URL in it, look at the rest, and run this again.'
    exit 2
}
Assert-EnvFile

Install-Packages
if (-not $SkipMigration) { Update-Database }
if ($MigrateOnly) {
    Write-Host 'The database is migrated; nothing else was changed.'
    exit 0
}

$former = Get-Answer $AppCmd @('list', 'vdir', "$SiteName/", '/text:physicalPath')
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
    Write-Host 'Asking the new version ...'
    Invoke-Program $VenvPython @(
        (Join-Path $Root 'deploy\smoke_test.py'), $url, '--connect', '127.0.0.1'
    ) 'The installation does not answer as it should; the line above says what to look at.'
}
catch {
    $wayBack = ''
    if ($former -and $former -ne $Root) {
        $wayBack = " The version before is in $former. To go back, run its deploy\install-iis.ps1 with -SkipMigration."
    }
    throw "$_$wayBack"
}
Write-Host "Queue API in $Root serves $url. Its logs are in $Logs."
