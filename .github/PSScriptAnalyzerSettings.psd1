@{
    Severity = @('Error', 'Warning')
    Rules = @{
        PSUseCompatibleSyntax = @{ Enable = $true; TargetVersions = @('5.1', '7.0') }
    }
    ExcludeRules = @(
        # It does not see that functions use the script's parameters (PSScriptAnalyzer issue 1472).
        'PSReviewUnusedParameter'
        # A script tells its progress to the person who runs it.
        'PSAvoidUsingWriteHost'
        # The functions are the script's own: nobody calls them by themselves, or with -WhatIf.
        'PSUseShouldProcessForStateChangingFunctions'
        'PSUseSingularNouns'
    )
}
