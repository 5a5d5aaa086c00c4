//! The command `microstamp`.

fn main() -> std::process::ExitCode {
    microstamp::cli::main()
}
