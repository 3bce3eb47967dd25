//! The state in which every cluster begins, made once a process.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::keeper::Keeper;
use crate::programs::Programs;
use crate::user::User;

/// A folder that initdb has filled. To copy it takes a fraction of the time that initdb takes.
#[derive(Debug)]
pub(crate) struct Template {
    programs: Programs,
    user: Option<User>,
    keeper: Keeper,
}

impl Template {
    /// The template of this process. It is never dropped: its keeper removes it when the process
    /// ends.
    pub(crate) fn get() -> Result<&'static Self, String> {
        static TEMPLATE: OnceLock<Result<Template, String>> = OnceLock::new();
        TEMPLATE.get_or_init(Self::make).as_ref().map_err(Clone::clone)
    }

    fn make() -> Result<Self, String> {
        let programs = Programs::find()?;
        let user = User::for_postgres()?;
        let keeper = Keeper::start(&programs, user)?;
        keeper.order("initialise").map_err(|error| format!("{error}:\n{}", keeper.log()))?;
        Ok(Self { programs, user, keeper })
    }

    /// A new keeper with a copy of the template in its folder.
    pub(crate) fn copy(&self) -> Result<Keeper, String> {
        let keeper = Keeper::start(&self.programs, self.user)?;
        let data: PathBuf = self.keeper.folder().join("data");
        keeper.order(&format!("copy {}", data.display()))?;
        Ok(keeper)
    }
}
