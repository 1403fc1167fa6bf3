//! Which environment variables of a function a request may not set.
//!
//! A function is a process on the user's machine. Some variables make the loader, the interpreter, the shell or the
//! AWS SDK run what they name, so whoever sets them chooses what runs. The user's own template may set them; a request,
//! by `CreateStack` or `UpdateFunctionConfiguration`, may not. It may keep what is there.

use std::collections::{BTreeMap, BTreeSet};

/// Variables that are Lambda's own: they say whom the runtime and the SDK talk to, and no function may be given others.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>.
pub(crate) const RESERVED: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
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
];

/// Other variables by their whole names.
const NAMES: [&str; 17] = [
    // The program that Lambda starts before the runtime.
    "AWS_LAMBDA_EXEC_WRAPPER",
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
    let is_named = RESERVED.iter().chain(&NAMES).any(|known| *known == name);
    is_named || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether Lambda takes that for the name of a variable. Another, such as one with a `=` in it, would be another variable for
/// the process than for whoever reads its name.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html>.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The first variable that a request may not set so. `before` is what the function has; nothing for a new one. `known` are the
/// names that the user's own template gives to functions.
///
/// What is there may be kept. Otherwise a request sets only variables whose names the user knows, and of those none that decides
/// what runs. No list of those can be whole: every version manager and interpreter has some of its own.
pub(crate) fn forbidden<'v>(
    wanted: &'v BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
    known: &BTreeSet<String>,
) -> Option<&'v str> {
    let may_be_set = |name: &str, value: &String| {
        let is_known = before.contains_key(name) || known.contains(name);
        before.get(name) == Some(value) || (is_name(name) && is_known && !decides_what_runs(name))
    };
    wanted.iter().find(|(name, value)| !may_be_set(name, value)).map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn known(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_that_the_user_does_not_know_or_lambda_does_not_take_is_forbidden() {
        let nothing = BTreeMap::new();
        for name in ["PYENV_HOOK_PATH", "ASDF_DATA_DIR", "QUEUE_URL", "ANYTHING"] {
            assert_eq!(forbidden(&set(&[(name, "x")]), &nothing, &known(&["LEVEL"])), Some(name));
            let before = set(&[(name, "x")]);
            assert_eq!(forbidden(&set(&[(name, "x")]), &before, &known(&[])), None);
        }
        for name in ["BASH_ENV=/x", "PATH=/x:", "", "=x", "A=B", "A\nB", "A\0B", "A", "1A", "A-B"] {
            assert!(!is_name(name), "{name:?}");
            assert_eq!(forbidden(&set(&[(name, "x")]), &nothing, &known(&[name])), Some(name));
        }
        assert!(is_name("PR_NUMBER") && is_name("a1"));
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
            assert_eq!(
                forbidden(&set(&[(name, "x")]), &BTreeMap::new(), &known(&[name])),
                Some(name)
            );
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
            assert_eq!(
                forbidden(&set(&[(name, "x")]), &BTreeMap::new(), &known(&[name])),
                None,
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_there_may_be_kept_and_not_changed() {
        let before = set(&[("PATH", "/opt/bin"), ("A2", "1")]);
        assert_eq!(forbidden(&before, &before, &known(&[])), None);
        assert_eq!(
            forbidden(&set(&[("A2", "2")]), &before, &known(&[])),
            None,
            "it may be left out"
        );
        assert_eq!(forbidden(&set(&[("PATH", "/tmp")]), &before, &known(&["PATH"])), Some("PATH"));
    }
}
