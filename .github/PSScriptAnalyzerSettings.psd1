@{
    Severity = @('Error', 'Warning')
    Rules = @{
        PSUseCompatibleSyntax = @{ Enable = $true; TargetVersions = @('5.1', '7.0') }
    }
    ExcludeRules = @(
        # False positives: functions use the script's parameters (PSScriptAnalyzer issue 1472).
        'PSReviewUnusedParameter'
        # The scripts show their progress.
        'PSAvoidUsingWriteHost'
        # The functions are internal to the script and have no -WhatIf.
        'PSUseShouldProcessForStateChangingFunctions'
        'PSUseSingularNouns'
    )
}
