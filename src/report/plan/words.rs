//! The words of plans. Knows nothing of their form.

use crate::base::system_error::SystemError;
use crate::image::command::Reach;
use crate::image::dockerfile::Origin;
use crate::image::plan::{ArgPlan, ArgValue, Opacity};
use crate::image::recipe::Place;
use crate::image::study::FileFault;

/// Why a step is not understood.
pub fn opacity(why: &Opacity) -> String {
    match why {
        Opacity::Command(reason) => reason.message(),
        Opacity::Language(program) => format!("the line is for {program}, and not read"),
    }
}

/// Why a file can't be read.
pub fn fault(fault: &FileFault) -> String {
    match fault {
        FileFault::Absent => "it is not there".to_owned(),
        FileFault::Folder => "it is a folder".to_owned(),
        FileFault::Unreadable(number) => error(*number),
    }
}

/// The system's words for an error.
pub fn error(number: i32) -> String {
    SystemError::of(number).to_string()
}

/// `FILE:LINE`.
pub fn line_of(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}

/// When a step runs, where that is not always.
pub fn when(reach: Reach) -> &'static str {
    match reach {
        Reach::Always => "",
        Reach::OnSuccess => "if the command before succeeds",
        Reach::OnFailure => "if the command before fails",
        Reach::OnExit => "when the shell ends",
        Reach::Perhaps => "perhaps",
    }
}

/// `NAME=value (where from)`.
pub fn arg(arg: &ArgPlan) -> String {
    let value = match &arg.value {
        ArgValue::Known(value) => format!("={value}"),
        ArgValue::Masked => "=***".to_owned(),
        ArgValue::Unknown => "=…".to_owned(),
        ArgValue::Unset => String::new(),
    };
    let place = arg.place.as_ref().map(line_of);
    let at = |what: &str| match &place {
        Some(place) if what.is_empty() => place.clone(),
        Some(place) => format!("{what}, {place}"),
        None => what.to_owned(),
    };
    let variables = match arg.variables.as_slice() {
        [] => String::new(),
        names => names.iter().map(|name| format!("$({name})")).collect::<Vec<String>>().join(" "),
    };
    let from = match arg.from {
        Origin::BuildArg | Origin::Predefined if arg.inherited => at("environment"),
        Origin::BuildArg | Origin::Predefined => at(&variables),
        Origin::Default | Origin::Global => at("default"),
        Origin::Platform => "platform".to_owned(),
        Origin::Unset => at("not set"),
    };
    format!("{}{value} ({from})", arg.name)
}
