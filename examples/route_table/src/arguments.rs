/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Where the routes stand; `None` for those that come with the program.
    pub(crate) file: Option<String>,
    pub(crate) serve: bool,
}

const USAGE: &str = "usage: route_table [FILE] [--serve]";

impl Arguments {
    /// Reads the arguments after the program's name; an error is the text to show.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--serve" => read.serve = true,
                file if !file.starts_with('-') && read.file.is_none() => read.file = Some(argument),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(read)
    }
}
