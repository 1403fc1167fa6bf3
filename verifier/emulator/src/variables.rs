//! Which environment variables of a function a request may not set.
//!
//! A function is a process on the user's machine. Some variables make the loader, the interpreter, the shell or the
//! AWS SDK run what they name, so whoever sets them chooses what runs. The user's own template may set them; a request,
//! by `CreateStack` or `UpdateFunctionConfiguration`, may not. It may keep what is there.

use std::collections::BTreeMap;

/// Variables by their whole names.
const NAMES: [&str; 35] = [
    // Lambda's own, which Lambda refuses, too: they say whom the runtime and the SDK talk to.
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_EXEC_WRAPPER",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    // Files of the SDK, in which a profile can name a program.
    "AWS_CONFIG_FILE",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    // Where programs, their modules and their settings are looked for.
    "CDPATH",
    "CLASSPATH",
    "HOME",
    "PATH",
    "SHELL",
    // What shells run or read first.
    "BASHOPTS",
    "BASH_ENV",
    "IFS",
    "PROMPT_COMMAND",
    "PS4",
    "SHELLOPTS",
    // What the C library loads.
    "GCONV_PATH",
    "GLIBC_TUNABLES",
];

/// Variables by what their names begin with: those of the loader, of shells' functions, of interpreters and of libraries
/// that load modules.
const PREFIXES: [&str; 30] = [
    "AWS_ENDPOINT_URL",
    "BASH_FUNC_",
    "BUN_",
    "BUNDLE_",
    "COMPLUS_",
    "CORECLR_",
    "COR_",
    "DENO_",
    "DOTNET_",
    "DYLD_",
    "ERL_",
    "GEM_",
    "GIT_ASKPASS",
    "GIT_CONFIG",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_SSH",
    "JAVA_",
    "JDK_JAVA_",
    "_JAVA_",
    "LD_",
    "LUA_",
    "NODE_",
    "NPM_CONFIG_",
    "OPENSSL_",
    "PERL",
    "PHP",
    "PYTHON",
    "RUBY",
    "XDG_",
];

/// Whether a variable decides what runs in a function's process, or whom it talks to.
fn decides_what_runs(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if name == "NODE_ENV" {
        // A name that says where it runs, as many programs have one.
        return false;
    }
    NAMES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The first variable that a request may not set so: one that decides what runs and was not so before. `before` is what
/// the function has; nothing for a new one.
pub(crate) fn forbidden<'v>(
    wanted: &'v BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
) -> Option<&'v str> {
    let is_new = |name: &str, value: &String| before.get(name) != Some(value);
    wanted
        .iter()
        .find(|(name, value)| decides_what_runs(name) && is_new(name, value))
        .map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_decides_what_runs_is_forbidden_and_settings_are_not() {
        for name in [
            "LD_PRELOAD",
            "ld_preload",
            "LD_LIBRARY_PATH",
            "PATH",
            "NODE_OPTIONS",
            "PYTHONSTARTUP",
            "PYTHONPATH",
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_LAMBDA_EXEC_WRAPPER",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_SQS",
            "BASH_ENV",
            "PERL5OPT",
            "RUBYOPT",
            "JAVA_TOOL_OPTIONS",
            "_JAVA_OPTIONS",
            "DOTNET_STARTUP_HOOKS",
            "AWS_CONFIG_FILE",
            "HOME",
            "GCONV_PATH",
            "DYLD_INSERT_LIBRARIES",
            "BASH_FUNC_ls%%",
        ] {
            assert_eq!(forbidden(&set(&[(name, "x")]), &BTreeMap::new()), Some(name));
        }
        for name in [
            "QUEUE_URL",
            "PR_NUMBER",
            "RUST_LOG",
            "LOG_LEVEL",
            "AWS_LAMBDA_LOG_LEVEL",
            "ENVIRONMENT",
            "PATH_PREFIX",
            "NODE_ENV",
            "ENV",
            "GIT_SHA",
            "HOMEPAGE",
            "POWERTOOLS_SERVICE_NAME",
            "GITHUB_SHA",
            "STAGE",
        ] {
            assert_eq!(forbidden(&set(&[(name, "x")]), &BTreeMap::new()), None, "{name}");
        }
    }

    #[test]
    fn what_is_there_may_be_kept_and_not_changed() {
        let before = set(&[("PATH", "/opt/bin"), ("A", "1")]);
        assert_eq!(forbidden(&before, &before), None);
        assert_eq!(forbidden(&set(&[("A", "2")]), &before), None, "it may be left out");
        assert_eq!(forbidden(&set(&[("PATH", "/tmp")]), &before), Some("PATH"));
    }
}
