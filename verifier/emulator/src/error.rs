//! Why an emulator, or a stack in it, cannot be.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use verifier_model::cloudwatch::CloudWatchError;
use verifier_model::logs::LogsError;
use verifier_model::sqs::SqsError;

use crate::template::TemplateError;
use crate::trust::OfAnother;

/// Why an emulator could not be started.
#[derive(Debug, Error)]
pub enum EmulatorError {
    /// The template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The machine has no thread left.
    #[error("no thread can be started to read the template: {0}")]
    NoThread(std::io::Error),
    /// The policy of the callers cannot be read.
    #[error("the policy of the callers is none that AWS would take: {0}")]
    CallerPolicy(verifier_model::iam::PolicyError),
    /// A role that the callers are to have is not the template's.
    #[error("the template has no role {name}; it has {known}")]
    UnknownRole {
        /// What was asked for.
        name: String,
        /// The logical ids of those that there are.
        known: String,
    },
    /// A function's binary is missing.
    #[error("there is no binary {binary} for the function {logical_id} in {}; build it, or name another folder with --functions", folder.display())]
    MissingBinary {
        /// The binary.
        binary: String,
        /// The function.
        logical_id: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A function's binary is not in the folder of functions.
    #[error("the function {logical_id} names the binary {binary:?}, which is no function in {}; put the function into that folder and name it", folder.display())]
    BinaryOutside {
        /// The binary.
        binary: String,
        /// The function.
        logical_id: String,
        /// The folder that it may be in.
        folder: PathBuf,
    },
    /// A function's own code is not there, or cannot be run.
    #[error("the function {logical_id} cannot be run: {problem}")]
    Code {
        /// The function.
        logical_id: String,
        /// Why not, and what to do.
        problem: String,
    },
    /// Code was given for what is no function that is run.
    #[error(
        "--code {0} names neither a function that is run from its own code nor a layer of one; give the logical id of one that an API or a mapping invokes"
    )]
    UnknownCode(String),
    /// A request brings a function with code of its own.
    #[error(
        "the function {logical_id} has code that the template given at the start does not have, and a request may not bring any; start the emulator with a template that has it"
    )]
    ForbiddenCode {
        /// The function.
        logical_id: String,
    },
    /// A page's folder is not below the project, or is named by a template that may not name any.
    #[error("the page is in the folder {directory:?}, which {problem}; name a folder below {} in the template that the emulator is started with", project.display())]
    DirectoryOutside {
        /// The folder.
        directory: String,
        /// What is wrong with it.
        problem: &'static str,
        /// The folder that it may be in.
        project: PathBuf,
    },
    /// A page's folder is another user's.
    #[error("the page is not served: {0}; run in a folder that others cannot put anything into")]
    DirectoryOfAnother(OfAnother),
    /// A function's program is another user's.
    #[error(
        "the program {binary:?} of the function {logical_id} is not run: {of_another}; name a folder of your own with --functions"
    )]
    BinaryOfAnother {
        /// The program.
        binary: String,
        /// The function.
        logical_id: String,
        /// What is another user's.
        of_another: OfAnother,
    },
    /// A request would have a function's process run something else.
    #[error(
        "the function {logical_id} would have the environment variable {variable}, which the template given at the start does not have or which decides what runs on this machine; start the emulator with a template that sets it"
    )]
    ForbiddenVariable {
        /// The variable.
        variable: String,
        /// The function.
        logical_id: String,
    },
    /// A request would have a function run another handler than the user's template has.
    #[error(
        "the function {logical_id} would run the handler {handler:?} of {binary:?}, which the template given at the start does not have; start the emulator with a template that names it"
    )]
    ForbiddenHandler {
        /// The handler.
        handler: String,
        /// The binary.
        binary: String,
        /// The function.
        logical_id: String,
    },
    /// A queue could not be created as the template says.
    #[error("the queue {name} cannot be created: {source}; fix it in the template")]
    Queue {
        /// The queue.
        name: String,
        /// Why not.
        source: SqsError,
    },
    /// A log group could not be created as the template says.
    #[error("the log group {name} cannot be created: {source}; fix it in the template")]
    LogGroup {
        /// The log group.
        name: String,
        /// Why not.
        source: LogsError,
    },
    /// An alarm could not be created as the template says.
    #[error("the alarm {name} cannot be created: {source}; fix it in the template")]
    Alarm {
        /// The alarm.
        name: String,
        /// Why not.
        source: CloudWatchError,
    },
    /// What the template defines is there already, and not of this stack.
    #[error(
        "the {kind} {name} cannot be created: it already exists; name it otherwise in the template"
    )]
    AlreadyExists {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A mapping reads a queue that the stack does not have.
    #[error(
        "the event source mapping {uuid} reads the queue {queue}, which is not in the stack; fix its EventSourceArn"
    )]
    OtherQueue {
        /// The mapping.
        uuid: String,
        /// The queue.
        queue: String,
    },
    /// The port could not be opened.
    #[error(
        "port {port} of 127.0.0.1 cannot be opened: {source}; choose another with --port, or 0 for any free one"
    )]
    Port {
        /// The port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// No token could be drawn for the emulator's own endpoint.
    #[error(
        "the system gives no random numbers for the emulator's token: {0}; see whether /dev/urandom is there"
    )]
    Token(String),
    /// The process group could not be started.
    #[error(
        "the functions' process group cannot be started: {0}; the emulator needs `sh` on the PATH"
    )]
    ProcessGroup(io::Error),
}
