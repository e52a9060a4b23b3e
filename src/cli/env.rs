//! `env`: what a program needs to know of a cluster, in the words of a shell.

use serde_json::{Value, json};

use super::cluster::{ClusterArgs, places};
use super::context::Context;
use super::environment;
use super::outcome::{CommandResult, Outcome};
use crate::spec::ClusterSpec;
use crate::supervisor::locate;

/// What `env` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  eval \"$(chronik-dev env)\"",
    after_long_help = "\
Exit codes:
  0  ok
  6  no such cluster

Examples:
  eval \"$(chronik-dev env)\"
  chronik-dev env --shell fish | source
  chronik-dev env --shell dotenv > .env"
)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// In whose words; the user's shell unless said
    #[arg(long, value_enum)]
    shell: Option<Shell>,
    /// Unset the variables instead
    #[arg(long)]
    unset: bool,
}

/// `--shell`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    /// export KEY='value'
    Bash,
    /// set -gx KEY 'value'
    Fish,
    /// One JSON object
    Json,
    /// KEY="value"
    Dotenv,
}

/// Runs `env`.
pub(super) fn run(_: &Context, args: &Args) -> CommandResult {
    let spec = locate(&places(), &args.cluster.cluster)?;
    let variables = variables(&spec);
    let shell = args
        .shell
        .unwrap_or_else(|| match environment::shell().as_deref() {
            Some("fish") => Shell::Fish,
            _ => Shell::Bash,
        });
    let data: Value = variables
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": (!args.unset).then_some(value) }))
        .collect();
    let text = if args.unset {
        unset(shell, &variables)
    } else {
        set(shell, &variables)
    };
    Ok(Outcome::new(data).with_text(text))
}

/// The variables of a cluster. None of them is a flag of `up`, but the cluster's name.
pub(super) fn variables(spec: &ClusterSpec) -> Vec<(&'static str, String)> {
    let first = spec.ports.0[0];
    let bootstrap = spec.ports.bootstrap();
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let mut variables = vec![
        ("CHRONIK_CLUSTER", spec.name.clone()),
        ("BOOTSTRAP_SERVERS", bootstrap.clone()),
        ("KAFKA_BOOTSTRAP_SERVERS", bootstrap),
        ("CHRONIK_METRICS_URL", url(first.metrics)),
    ];
    variables.extend(first.search.map(|port| ("CHRONIK_SEARCH_URL", url(port))));
    variables
}

fn set(shell: Shell, variables: &[(&str, String)]) -> String {
    let line = |(name, value): &(&str, String)| match shell {
        Shell::Bash => format!("export {name}='{value}'"),
        Shell::Fish => format!("set -gx {name} '{value}'"),
        Shell::Dotenv => format!("{name}=\"{value}\""),
        Shell::Json => unreachable!("an object is not made of lines"),
    };
    if shell == Shell::Json {
        let object = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)));
        return Value::Object(object.collect()).to_string();
    }
    variables.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn unset(shell: Shell, variables: &[(&str, String)]) -> String {
    let line = |(name, _): &(&str, String)| match shell {
        Shell::Bash => format!("unset {name}"),
        Shell::Fish => format!("set -e {name}"),
        Shell::Dotenv => format!("{name}="),
        Shell::Json => unreachable!("an object is not made of lines"),
    };
    if shell == Shell::Json {
        let object = variables
            .iter()
            .map(|(name, _)| ((*name).to_owned(), Value::Null));
        return Value::Object(object.collect()).to_string();
    }
    variables.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_has_its_words() {
        let variables = [("A", String::from("b:1"))];
        assert_eq!(set(Shell::Bash, &variables), "export A='b:1'");
        assert_eq!(set(Shell::Fish, &variables), "set -gx A 'b:1'");
        assert_eq!(set(Shell::Dotenv, &variables), "A=\"b:1\"");
        assert_eq!(set(Shell::Json, &variables), r#"{"A":"b:1"}"#);
        assert_eq!(unset(Shell::Bash, &variables), "unset A");
        assert_eq!(unset(Shell::Fish, &variables), "set -e A");
    }
}
