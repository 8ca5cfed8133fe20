# Looks at anaplan-agent on a real Windows, and prints a report to paste:
#
#   powershell -ExecutionPolicy Bypass -File check-windows.ps1 [-Program C:\path\anaplan-agent.exe] > report.txt
#
# It takes about ten minutes with the questions. It removes what it makes, logs in nowhere, and sends no
# PIN. What changes something outside of a new folder is asked about first. As an administrator it looks
# at the service as well.
param([string]$Program = "anaplan-agent.exe")

$work = Join-Path $env:TEMP ("anaplan-agent-check-" + [guid]::NewGuid().ToString("N").Substring(0, 8))
New-Item -ItemType Directory $work | Out-Null

function Title($text) { "`n## $text`n" }

# Run shows a command, what it says, and its exit code.
function Run([string]$file, [string[]]$arguments) {
    "> $file $arguments"
    $out = Join-Path $work "out.txt"
    $err = Join-Path $work "err.txt"
    $quoted = $arguments | ForEach-Object { if ($_ -match '[ ;]') { '"' + $_ + '"' } else { $_ } }
    try {
        $done = Start-Process $file $quoted -NoNewWindow -Wait -PassThru -RedirectStandardOutput $out -RedirectStandardError $err
        Get-Content $out, $err
        "[exit code $($done.ExitCode)]"
    } catch { "[not started: $_]" }
}

# Read-Answer asks the person. It asks on standard error, since the report is standard output.
function Read-Answer($question) {
    [Console]::Error.Write("$question ")
    [Console]::In.ReadLine()
}

# Ask is true if the person says yes.
function Ask($question) { (Read-Answer "$question [y/N]") -match '^(y|yes)$' }

try {
    Title "The machine and the program"
    [Environment]::OSVersion.VersionString
    (Get-Item "HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion").GetValue("ProductName")
    "PowerShell $($PSVersionTable.PSVersion)"
    $administrator = ([Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()).IsInRole("Administrators")
    "administrator: $administrator"
    Run $Program @("version")

    Title "Cards, without a PIN"
    Get-Service SCardSvr | Format-List Status, StartType
    Run $Program @("keys", "--pin", "none", "--key", "piv:")
    Run $Program @("doctor", "--offline", "--login=false")

    Title "The agent: its pipe, and whose it is"
    $config = Join-Path $work "config.toml"
    $audit = Join-Path $work "audit.log"
    Set-Content -Encoding ascii $config @("[profile.default]", "key = 'piv:slot=9c'", "pin = 'none'", "[agent]", "socket = '\\.\pipe\anaplan-agent-check'", "audit_file = '$audit'")
    $agent = Start-Process $Program @("serve", "--config", "`"$config`"") -NoNewWindow -PassThru -RedirectStandardError (Join-Path $work "log.txt")
    Start-Sleep 3
    Run $Program @("status", "--socket", "\\.\pipe\anaplan-agent-check")
    Run $Program @("lock", "--socket", "\\.\pipe\anaplan-agent-check")
    "the folder's access list:"
    Run "icacls.exe" @($work)
    "the audit log (the SID must be yours: $([Security.Principal.WindowsIdentity]::GetCurrent().User.Value)):"
    Get-Content $audit
    if (Ask "Ask the agent as another user of this machine, by runas? It must be refused.") {
        $user = Read-Answer "name of the user:"
        runas.exe "/user:$user" "cmd /k `"$Program`" status --socket \\.\pipe\anaplan-agent-check"
        "what its window said: $(Read-Answer 'copy what the window says:')"
    }
    Run $Program @("stop", "--socket", "\\.\pipe\anaplan-agent-check")
    "ended by itself: $($agent.WaitForExit(10000))"
    Get-Content (Join-Path $work "log.txt")

    Title "Secrets of a user"
    if (Ask "Keep a made-up password by DPAPI and in the Credential Manager, and remove it again?") {
        $kept = Join-Path $work "dpapi.txt"
        ConvertTo-SecureString "4711" -AsPlainText -Force | ConvertFrom-SecureString | Set-Content $kept
        Run "cmdkey.exe" @("/generic:anaplan-agent-check", "/user:anaplan-agent", "/pass:4711")
        # doctor says whether it could be read; it sends nothing
        Run $Program @("doctor", "--offline", "--login=false", "--key", "piv:slot=9c", "--pin", "dpapi:$kept")
        Run $Program @("doctor", "--offline", "--login=false", "--key", "piv:slot=9c", "--pin", "wincred:anaplan-agent-check")
        Run "cmdkey.exe" @("/delete:anaplan-agent-check")
    }

    Title "The task of one user"
    if (Ask "Make the task anaplan-agent in the Task Scheduler, start it, and remove it again? Not if you use it.") {
        Run $Program @("service", "install", "--user")
        Run "schtasks.exe" @("/query", "/tn", "anaplan-agent", "/xml")
        Run "schtasks.exe" @("/run", "/tn", "anaplan-agent")
        Start-Sleep 5
        Run $Program @("status")
        Run $Program @("stop")
        Run $Program @("service", "uninstall", "--user")
    } else { Run $Program @("service", "print", "--user") }

    Title "The service of the machine"
    if ($administrator -and (Ask "Register the service anaplan-agent, start it, and remove it again? Not if you use it.")) {
        Run $Program @("service", "install", "--system")
        foreach ($what in "qc", "qfailure", "qprivs", "qsidtype", "qpreshutdown") { Run "sc.exe" @($what, "anaplan-agent") }
        Run "sc.exe" @("start", "anaplan-agent")
        Start-Sleep 5
        Run "sc.exe" @("query", "anaplan-agent")
        Run "sc.exe" @("control", "anaplan-agent", "128")
        Run "sc.exe" @("stop", "anaplan-agent")
        Start-Sleep 5
        "its log in the Event Log:"
        Get-WinEvent -MaxEvents 10 -FilterHashtable @{LogName = "Application"; ProviderName = "anaplan-agent"} | Format-List TimeCreated, LevelDisplayName, Message
        Run $Program @("service", "uninstall", "--system")
    } else { Run $Program @("service", "print", "--system") }

    Title "A login"
    "Not done here. With a key that is set up: anaplan-agent doctor --login, which asks for its PIN."
} finally {
    if ($agent -and -not $agent.HasExited) { Stop-Process -Id $agent.Id }
    Remove-Item -Recurse -Force $work
}
