//! What can be wrong with a template.

use thiserror::Error;

/// A template that cannot be read, or that the emulator cannot stand in for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// Neither JSON nor YAML, or not of a template's shape.
    #[error("the template is not a CloudFormation template in JSON or YAML: {0}")]
    Malformed(String),
    /// More of something than a stack may have.
    #[error(
        "Template format error: Number of {what}, {count}, is greater than maximum allowed, {most}; split the stack"
    )]
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many the template has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// Values were given for parameters that it does not have.
    #[error("Parameters: [{0}] do not exist in the template; leave them out, or add them to it")]
    UnknownParameters(String),
    /// Parameters without a default, of which no value was given.
    #[error(
        "Parameters: [{names}] must have values; AWS would refuse the template: give them with {options}"
    )]
    MissingParameters {
        /// All of them.
        names: String,
        /// How they are given.
        options: String,
    },
    /// A reference to something that the template does not have.
    #[error("{place} refers to {target}, which the template does not define; fix the reference")]
    UnknownReference {
        /// Where the reference stands.
        place: String,
        /// What it names.
        target: String,
    },
    /// An attribute that the emulator does not know of a resource's type.
    #[error(
        "{place} needs the attribute {attribute} of {logical_id} ({resource_type}), which the emulator does not provide; take the reference out or run against AWS"
    )]
    UnknownAttribute {
        /// Where the reference stands.
        place: String,
        /// The resource.
        logical_id: String,
        /// Its type.
        resource_type: String,
        /// The attribute.
        attribute: String,
    },
    /// Something that AWS looks up elsewhere, of which no value was given.
    #[error(
        "{place} needs the value of {name}, which AWS looks up elsewhere; pass it with --value '{name}=VALUE'"
    )]
    NoValue {
        /// Where it is needed.
        place: String,
        /// What is looked up, as `--value` takes it.
        name: String,
    },
    /// Several of these.
    #[error("{places}, which AWS looks up elsewhere; pass their values with {options}")]
    NoValues {
        /// Where each is needed.
        places: String,
        /// How they are given.
        options: String,
    },
    /// An intrinsic function with other arguments than it takes.
    #[error("{place}: {function} {problem}")]
    BadFunction {
        /// Where the function stands.
        place: String,
        /// The function.
        function: String,
        /// What is wrong.
        problem: String,
    },
    /// A property with another type or value than it must have.
    #[error("{place} {problem}")]
    BadProperty {
        /// Where the property stands.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// What `CloudFormation` refuses of the template itself, in its own words.
    #[error("{0}; AWS would refuse the template")]
    Invalid(String),
    /// A transform, whose work would be left out.
    #[error(
        "the template's Transform {0} is not done here, and the stack would be another without it; give the processed template: `aws cloudformation get-template --template-stage Processed`"
    )]
    Transform(String),
    /// What is not emulated and brings messages or requests into the stack.
    #[error(
        "{listed}; nothing would arrive by it here: leave it out with {option}, or check the deployed stack"
    )]
    Entrances {
        /// Each with its type, and with what it does to what.
        listed: String,
        /// What to start with in order to leave them out.
        option: String,
    },
    /// Resources to leave out that there are not.
    #[error(
        "the template has no resource {0} that could be left out; name one by its logical id, as the processed template has it"
    )]
    NotToLeaveOut(String),
    /// A role or a policy to leave out.
    #[error(
        "{0} is a role or a policy: without it, its functions could do more here than on AWS; --without leaves out what brings messages and requests, and --no-iam turns all of it off"
    )]
    RoleToLeaveOut(String),
    /// A resource that AWS would not create, in its own words.
    #[error("{logical_id} ({resource_type}): {sentence}; AWS would refuse it")]
    Refused {
        /// The resource.
        logical_id: String,
        /// Its type.
        resource_type: String,
        /// AWS's words.
        sentence: String,
    },
    /// A resource that matters and that the emulator does not support.
    #[error("{logical_id} ({resource_type}) {problem}; the emulator cannot stand in for it")]
    Unsupported {
        /// The resource.
        logical_id: String,
        /// Its type.
        resource_type: String,
        /// What is not supported, and why it matters.
        problem: String,
    },
}
