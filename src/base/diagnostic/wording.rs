//! The words of every complaint, in one place; GNU make 4.4.1's where it has them. Knows nothing of when they are said.

use super::{Complaint, MissingSeparator, Place};
use crate::base::system_error::SystemError;

macro_rules! join {
    ($($part:expr),* $(,)?) => {{
        let mut text: Vec<u8> = Vec::new();
        $(text.extend_from_slice($part.as_ref());)*
        text
    }};
}

/// What a message begins with: the place, or the program's name and depth.
pub fn prefix(place: Option<&Place>, program: &[u8], level: u32) -> Vec<u8> {
    match place {
        Some(place) => join!(place.file, format!(":{}: ", place.line + place.offset)),
        None if level == 0 => join!(program, b": "),
        None => join!(program, format!("[{level}]: ")),
    }
}

/// The whole line for a complaint that is no end.
pub fn line(place: Option<&Place>, complaint: &Complaint, program: &[u8], level: u32) -> Vec<u8> {
    join!(prefix(place, program, level), words(complaint), b"\n")
}

/// The whole line for a fatal error.
pub fn fatal(place: Option<&Place>, complaint: &Complaint, program: &[u8], level: u32) -> Vec<u8> {
    join!(prefix(place, program, level), b"*** ", words(complaint), b".  Stop.\n")
}

/// The words alone.
pub fn words(complaint: &Complaint) -> Vec<u8> {
    use Complaint::*;
    let reason = |error: i32| SystemError::of(error).to_string();
    match complaint {
        Text(text) => text.clone(),
        System { what, error } => join!(what, b": ", reason(*error)),
        UndefinedVariable(name) => join!(b"warning: undefined variable '", name, b"'"),
        UnterminatedReference => join!("unterminated variable reference"),
        UnterminatedCall { function, missing } => {
            join!("unterminated call to function '", function, "': missing '", [*missing], "'")
        }
        RecursiveVariable(name) => join!("Recursive variable '", name, "' references itself (eventually)"),
        TooFewArguments { function, count } => {
            join!(format!("insufficient number of arguments ({count}) to function '"), function, "'")
        }
        EmptyNumber(which) => join!(which, ": empty value"),
        BadNumber(which, text) => join!(which, ": '", text, "'"),
        NumberOutOfRange(which, text) => join!(which, ": '", text, "' out of range"),
        WordIndexNotPositive => join!("first argument to 'word' function must be greater than 0"),
        FileOperation(text) => join!("file: invalid file operation: ", text),
        FileFunction { call, name, error } => join!(call, ": ", name, ": ", reason(*error)),
        FileWithoutName => join!("file: missing filename"),
        FileTooManyArguments => join!("file: too many arguments"),
        NulByte => join!("warning: NUL character seen; rest of line ignored"),
        MissingSeparator(why) => match why {
            self::MissingSeparator::Unknown => join!("missing separator"),
            self::MissingSeparator::EightSpaces => {
                join!("missing separator (did you mean TAB instead of 8 spaces?)")
            }
            self::MissingSeparator::Conditional => {
                join!("missing separator (ifeq/ifneq must be followed by whitespace)")
            }
        },
        MissingEndif(_) => join!("missing 'endif'"),
        MissingEndef => join!("missing 'endef', unterminated 'define'"),
        ExtraneousText(word) => join!("extraneous text after '", word, "' directive"),
        Extraneous(word) => join!("extraneous '", word, "'"),
        SecondElse => join!("only one 'else' per conditional"),
        BadConditional => join!("invalid syntax in conditional"),
        RecipeBeforeTarget => join!("recipe commences before first target"),
        MissingRuleBeforeRecipe => join!("missing rule before recipe"),
        EmptyVariableName => join!("empty variable name"),
        MalformedTargetVariable => join!("Malformed target-specific variable definition"),
        MissingTargetPattern => join!("missing target pattern"),
        MultipleTargetPatterns => join!("multiple target patterns"),
        TargetPatternWithoutPercent => join!("target pattern contains no '%'"),
        MixedImplicitAndStatic => join!("mixed implicit and static pattern rules"),
        MixedImplicitAndNormal => join!("mixed implicit and normal rules"),
        MixedImplicitAndNormalDeprecated => join!("*** mixed implicit and normal rules: deprecated syntax"),
        GroupWithoutRecipe => join!("grouped targets must provide a recipe"),
        PrerequisitesInRecipe => join!("prerequisites cannot be defined in recipes"),
        TargetDoesNotMatch(target) => join!("target '", target, "' doesn't match the target pattern"),
        BothColons(target) => join!("target file '", target, "' has both : and :: entries"),
        TargetTwiceInRule(target) => join!("target '", target, "' given more than once in the same rule"),
        OverridingRecipe(target) => join!("warning: overriding recipe for target '", target, "'"),
        IgnoringRecipe(target) => join!("warning: ignoring old recipe for target '", target, "'"),
        OverridingGroup(target) => join!("warning: overriding group membership for target '", target, "'"),
        WaitWithPrerequisites => join!(".WAIT should not have prerequisites"),
        WaitWithRecipe => join!(".WAIT should not have commands"),
        SuffixRuleWithPrerequisites => join!("warning: ignoring prerequisites on suffix rule definition"),
        SuffixRuleIsPattern(name) => join!("warning: suffix rule '", name, "' is a pattern"),
        BothIntermediate(file, other) => join!(file, " cannot be both .NOTINTERMEDIATE and ", other),
        BothIntermediateAndSecondary => join!(".NOTINTERMEDIATE and .SECONDARY are mutually exclusive"),
        LoadFailed(name) => join!(name, ": failed to load"),
        EmptySymbol(name) => join!("Empty symbol name for load: ", name),
        NotGpl(name) => join!("Loaded object ", name, " is not declared to be GPL compatible"),
        SymbolMissing { symbol, object, reason } => {
            join!("Failed to load symbol ", symbol, " from ", object, ": ", reason)
        }
        EmptyFunctionName => join!("Empty function name"),
        InvalidFunctionName(name) => join!("Invalid function name: ", name),
        FunctionNameTooLong(name) => join!("Function name too long: ", name),
        BadArgumentCount { which, count, function } => {
            join!(format!("Invalid {which} argument count ({count}) for function "), function)
        }
        FunctionGone(name) => join!("function '", name, "' belongs to an object that is being remade"),
        LibraryPatternWithoutPercent(text) => join!(".LIBPATTERNS element '", text, "' is not a pattern"),
        NestedArchive(name) => join!("attempt to use unsupported feature: '", name, "'"),
        ImageWithoutTarget => join!("image block without a target"),
        NotInImageBlock => join!("an image block holds assignments of attributes alone, up to 'endimage'"),
        BlockElsewhere => {
            join!("this image block is in an included makefile; --emit writes out the first makefile alone")
        }
        MissingEndimage => join!("missing 'endimage'"),
        UnknownAttribute(name, None) => join!("unknown attribute '", name, "' in an image block"),
        UnknownAttribute(name, Some(near)) => {
            join!("unknown attribute '", name, "' in an image block; did you mean '", near, "'?")
        }
        NoImageTarget(name) => join!("there is no image target '", name, "'"),
        InheritsUnknown(name) => join!("no image block is called '", name, "'"),
        InheritsItself(name) => join!("image block '", name, "' inherits from itself"),
        AttributeValue { attribute, value, wanted } => {
            join!("'", attribute, " = ", value, "': ", wanted)
        }
        InputsKeepChanging(target) => {
            join!(
                "warning: the inputs of image '",
                target,
                "' change while it is built; what it holds is not certain"
            )
        }
        ExpectationBroken { word, finding, hint: None } => {
            join!("'expect = ", word, "' does not hold: ", finding)
        }
        ExpectationBroken { word, finding, hint: Some(hint) } => {
            join!("'expect = ", word, "' does not hold: ", finding, "\n  help: ", hint)
        }
        NotAudited(why) => join!("what is expected of the image can't be looked at: ", why),
        NothingHeld(target) => {
            join!(
                "warning: '.EXPECT' of '",
                target,
                "' holds nothing: no line of its recipe is seen to build an image"
            )
        }
        NothingRun(1) => join!("1 error, and nothing was run"),
        NothingRun(errors) => join!(format!("{errors} errors, and nothing was run")),
        NotBuilt { target, errors } => {
            let errors = if *errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
            join!(format!("{errors}, and '"), target, "' was not built")
        }
        ImageWithoutTags(target) => {
            join!("image target '", target, "' has no tag; add for example 'tags = name:$@'")
        }
        RenameColons { from, to, to_double: true } => {
            join!("can't rename single-colon '", from, "' to double-colon '", to, "'")
        }
        RenameColons { from, to, to_double: false } => {
            join!("can't rename double-colon '", from, "' to single-colon '", to, "'")
        }
        RecipeForRenamed { file, at: Some((makefile, line)) } => {
            join!("Recipe was specified for file '", file, "' at ", makefile, format!(":{line},"))
        }
        RecipeForRenamed { file, at: None } => {
            join!("Recipe for file '", file, "' was found by implicit rule search,")
        }
        SameFile { file, other } => {
            join!("but '", file, "' is now considered the same file as '", other, "'.")
        }
        RecipeIgnored { file, other } => {
            join!("Recipe for '", file, "' will be ignored in favor of the one for '", other, "'.")
        }
        NoRule { target, parent: Some(parent) } => {
            join!("No rule to make target '", target, "', needed by '", parent, "'")
        }
        NoRule { target, parent: None } => join!("No rule to make target '", target, "'"),
        Circular { target, prerequisite } => {
            join!("Circular ", target, " <- ", prerequisite, " dependency dropped.")
        }
        NotRemade(target) => join!("Target '", target, "' not remade because of errors."),
        LowResolution(file) => {
            join!("*** Warning: .LOW_RESOLUTION_TIME file '", file, "' has a high resolution time stamp")
        }
        TimeOutOfRange { file, instead } => {
            join!(file, ": Timestamp out of range; substituting ", instead)
        }
        ClockSkew { file, seconds } => {
            join!("Warning: File '", file, "' has modification time ", seconds, " s in the future")
        }
        SkewDetected => join!("warning:  Clock skew detected.  Your build may be incomplete."),
        PeerNotUpdated(target) => join!("warning: pattern recipe did not update peer target '", target, "'."),
        RecipeFailed { place, target, how, ignored, shuffle } => {
            let (before, after): (&str, &str) = if *ignored { ("", " (ignored)") } else { ("*** ", "") };
            let mut text = join!(before, "[", place, ": ", target, "] ", how, after);
            if let Some(shuffle) = shuffle {
                text.extend_from_slice(b" shuffle=");
                text.extend_from_slice(shuffle);
            }
            text
        }
        Waiting => join!("*** Waiting for unfinished jobs...."),
        DeletingTarget { target, behalf: Some(behalf) } => {
            join!("*** [", behalf, "] Deleting file '", target, "'")
        }
        DeletingTarget { target, behalf: None } => join!("*** Deleting file '", target, "'"),
        ArchiveMemberBogus { target, behalf: Some(behalf) } => {
            join!("*** [", behalf, "] Archive member '", target, "' may be bogus; not deleted")
        }
        ArchiveMemberBogus { target, behalf: None } => {
            join!("*** Archive member '", target, "' may be bogus; not deleted")
        }
        DeletingIntermediate(target) => join!("*** Deleting intermediate file '", target, "'"),
        TooManyRecipeLines(limit) => join!(format!("Recipe has too many lines (limit {limit})")),
        NoTargets => join!("No targets"),
        NoTargetsAndNoMakefile => join!("No targets specified and no makefile found"),
        MakefileNotFound(name) => join!("Makefile '", name, "' was not found"),
        IncludeNotFound(name) => join!("Included makefile '", name, "' was not found."),
        RemakeFailed(name) => join!("Failed to remake makefile '", name, "'."),
        StdinTwice => join!("Makefile from standard input specified twice"),
        StdinNotStored => join!("cannot store makefile from stdin to a temporary file"),
        EmptyString(what) => join!("the '-", what, "' option requires a non-empty string argument"),
        JobserverUnavailable => {
            join!("warning: jobserver unavailable: using -j1.  Add '+' to parent make rule.")
        }
        JobsForced { jobs, makefile } => join!(format!(
            "warning: -j{jobs} forced in {}: resetting jobserver mode.",
            if *makefile { "makefile" } else { "submake" }
        )),
        MultipleDefaultGoals => join!(".DEFAULT_GOAL contains more than one target"),
        CannotReturn => join!("Couldn't change back to original directory"),
        ArchiveMissing(name) => join!("touch: Archive '", name, "' does not exist"),
        NotAnArchive(name) => join!("touch: '", name, "' is not a valid archive"),
        MemberMissing { archive, member } => {
            join!("touch: Member '", member, "' does not exist in '", archive, "'")
        }
        OutputLock => join!("cannot open output-sync lock file, suppressing output-sync."),
        WriteError(Some(error)) => join!("write error: stdout: ", reason(*error)),
        WriteError(None) => join!("write error: stdout"),
        EmptyGoal => join!("empty string invalid as file name"),
    }
}
