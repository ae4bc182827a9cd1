//! A plan as jobs of a Slurm cluster: scripts that a user submits.

use std::path::{Path, PathBuf};

use crate::files::write_file;
use crate::{Error, Plan, Unit};

/// Jobs of an array that every cluster takes: Slurm's `MaxArraySize` is 1001 where nobody changed it.
const LARGEST_ARRAY: usize = 1_000;

impl Plan {
    /// Writes a job script for single units, one that draws the figures, and one that submits both, into the
    /// folder `slurm` of the output folder. `program` runs `resrel`, with `options` for each unit (where the
    /// data are). Returns the path of the script to submit.
    ///
    /// Units that need no other one are the first job arrays, the others wait for those; the figures wait for
    /// all. A unit that has its record by then does nothing, so the scripts may be submitted again.
    ///
    /// # Errors
    /// [`Error::File`] if a script cannot be written.
    pub fn slurm(&self, out: &Path, program: &Path, options: &[String]) -> Result<PathBuf, Error> {
        let folder = out.join("slurm");
        let absolute = std::path::absolute(out).map_err(|source| Error::File {
            path: out.into(),
            source,
        })?;
        // Paths among the options are meant from here.
        let here = std::env::current_dir().unwrap_or_default();
        let here = quoted(&here.to_string_lossy());
        let (program, place) = (
            quoted(&program.to_string_lossy()),
            absolute.to_string_lossy(),
        );
        let place = quoted(&place);
        let options: Vec<String> = options.iter().map(|it| quoted(it)).collect();
        let options = options.join(" ");
        let unit = format!(
            "#!/bin/sh\n\
             # One unit: the line of the list $1 that has the number of this job.\n\
             #SBATCH --job-name=resrel\n\
             #SBATCH --cpus-per-task=2\n\
             #SBATCH --output=unit-%A-%a.log\n\
             unit=$(sed -n \"${{SLURM_ARRAY_TASK_ID}}p\" \"$1\")\n\
             cd {here}\n\
             exec {program} unit {place} \"$unit\" --threads \"${{SLURM_CPUS_PER_TASK:-1}}\" {options}\n"
        );
        let collect = format!(
            "#!/bin/sh\n\
             # Figures and tables, from the records that are there.\n\
             #SBATCH --job-name=resrel-report\n\
             #SBATCH --output=report.log\n\
             exec {program} report {place}\n"
        );
        let mut submit = String::from(
            "#!/bin/sh\n\
             # Submits the units of this run as job arrays, and then a job that draws the figures.\n\
             set -e\n\
             cd \"$(dirname \"$0\")\"\n",
        );
        let (first, then): (Vec<&Unit>, Vec<&Unit>) =
            self.units.iter().partition(|unit| unit.after().is_empty());
        let mut number = 0;
        let mut after = String::new();
        for wave in [first, then] {
            let mut jobs = String::new();
            for units in wave.chunks(LARGEST_ARRAY) {
                number += 1;
                let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
                let list = names.join("\n") + "\n";
                write_file(&folder.join(format!("units-{number}.txt")), list.as_bytes())?;
                submit += &format!(
                    "job{number}=$(sbatch --parsable --array=1-{}{after} unit.sh units-{number}.txt)\n",
                    units.len()
                );
                jobs += &format!(":${{job{number}%%;*}}");
            }
            if !jobs.is_empty() {
                after = format!(" --dependency=afterany{jobs}");
            }
        }
        submit += &format!("sbatch --parsable{after} collect.sh\n");
        write_file(&folder.join("unit.sh"), unit.as_bytes())?;
        write_file(&folder.join("collect.sh"), collect.as_bytes())?;
        let path = folder.join("submit.sh");
        write_file(&path, submit.as_bytes())?;
        Ok(path)
    }
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
