import { Command, Option } from "commander";
import { SANDBOX } from "./admin/claim.ts";
import { askSandbox } from "./admin/client.ts";
import { address } from "./commands/address.ts";
import { type InDir, openBuild } from "./commands/builds.ts";
import { type CiJobOptions, ciJob, claimValue } from "./commands/ci-job.ts";
import { defineDebug } from "./commands/debug/define.ts";
import { defineBuilds } from "./commands/define-builds.ts";
import { type DiagnosticsOptions, takeDiagnostics } from "./commands/diagnostics.ts";
import { drain } from "./commands/drain.ts";
import { durationOption } from "./commands/duration.ts";
import { defineMetadata } from "./commands/metadata/define.ts";
import { otlpUrl } from "./commands/option-values.ts";
import { status } from "./commands/status.ts";
import { defineTailnet } from "./commands/tailnet/define.ts";
import { defineTraces } from "./commands/traces.ts";
import { defineTrusts } from "./commands/trust/define.ts";
import type { UpOptions } from "./commands/up.ts";
import { EXIT } from "./failure.ts";
import { EVIDENCE_KINDS } from "./metadata/kinds.ts";
import { runCommands } from "./terminal/run-commands.ts";
import { hurrySignal, stopSignal } from "./terminal/stop-signal.ts";
import { openTerminal } from "./terminal/terminal.ts";

const terminal = openTerminal(process.env);
process.exitCode = await run(process.argv.slice(2));

async function run(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("sandbox")
    .description("A control plane, an agent and a real buildkitd on this machine.")
    .exitOverride()
    .allowExcessArguments(false);
  const inDir = (command: Command): Command => command.requiredOption("--dir <dir>", "the sandbox's directory");
  const ofProject = (command: Command): Command =>
    command
      .option("--org <org>", "the customer", "acme")
      .option("--project <project>", "the customer's project", "app");

  ofProject(inDir(program.command("up")))
    .description("start it, and keep it until Ctrl-C")
    .requiredOption("--listen <address:port>", "where build clients come in; port 0: a free one", address)
    .option("--egress", "give builds a way out over this machine: a link and an nftables table, until the end")
    .addOption(
      new Option("--evidence <kind>", "how the machine proves which one it is: docs/identity.md")
        .choices(EVIDENCE_KINDS)
        .default("join-token"),
    )
    .option(
      "--otlp <url>",
      "where the agent sends its spans: any collector's base, such as http://127.0.0.1:4318",
      otlpUrl,
    )
    .addOption(durationOption("--grace <time>", "how long open builds may go on once the agent is told to stop", "2s"))
    .option("--ci", "beside it stand-ins for GitHub, CircleCI and Buildkite, whose jobs may open builds")
    .action(async (options: UpOptions) => {
      const signal = stopSignal();
      // Loaded only here: who asks a running sandbox need not wait for all that one is made of.
      const { up } = await import("./commands/up.ts");
      code = await up(options, terminal, signal, hurrySignal(signal));
    });
  inDir(program.command("status"))
    .description("show the agent's own status")
    .option("--json", "machine-readable")
    .action(async (options: InDir) => {
      code = await status(options);
    });
  inDir(program.command("drain"))
    .description("let open builds finish, then end the agent and the sandbox")
    .addOption(durationOption("--grace <time>", "how long open builds may take", "60s"))
    .option("--json", "machine-readable")
    .action((options: InDir & { grace: number }) => drain(options, terminal));

  inDir(program.command("diagnostics"))
    .description("ask the agent for its diagnostics bundle, as a control plane does")
    .option("--json", "machine-readable")
    .action((options: DiagnosticsOptions) => takeDiagnostics(options, askSandbox, terminal));

  const between = { ask: askSandbox, terminal };
  const exitWith = (how: number): void => void (code = how);
  defineBuilds({ program, inDir, ofProject, who: SANDBOX, exitWith, ...between }, async (options) => {
    await openBuild(options, between);
  });

  defineDebug({ program, inDir, ofProject, terminal, exitWith });
  defineMetadata({ program, inDir, terminal, exitWith });
  defineTrusts({ program, inDir, ofProject, ...between });
  defineTraces({ program, inDir, ofProject, ...between });
  inDir(program.command("ci-job <command...>"))
    .description("run a command as a job of a CI system would, of which a stand-in is beside the sandbox")
    .addOption(
      new Option("--provider <name>", "which").choices(["github", "circleci", "buildkite"]).makeOptionMandatory(),
    )
    .option("--claim <name=value>", "something else in its token; may be repeated", claimValue)
    .action(async (command: readonly string[], options: CiJobOptions) => {
      code = await ciJob(options, command);
    });

  defineTailnet({ program, inDir, ofProject, terminal, exitWith });

  const failed = await runCommands(program, argv, terminal);
  return failed === EXIT.ok ? code : failed;
}
