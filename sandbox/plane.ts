import { EventEmitter } from "node:events";
import { Command, Option } from "commander";
import { askPlane, PLANE } from "./admin/plane/request.ts";
import { address } from "./commands/address.ts";
import type { InDir } from "./commands/builds.ts";
import { defineBuilds } from "./commands/define-builds.ts";
import { type DiagnosticsOptions, takeDiagnostics } from "./commands/diagnostics.ts";
import { durationOption } from "./commands/duration.ts";
import { audienceUrl, certificateNames, contractId, hostPort } from "./commands/option-values.ts";
import { listAudit } from "./commands/plane/audit.ts";
import { type DrainOptions, drainMachine } from "./commands/plane/drain.ts";
import { printCa, printToken, type TokenOptions } from "./commands/plane/join.ts";
import { type ForgetOptions, forgetMachine, listMachines } from "./commands/plane/machines.ts";
import { openBuildHere } from "./commands/plane/open.ts";
import type { RunOptions } from "./commands/plane/run.ts";
import { defineTraces } from "./commands/traces.ts";
import { defineTrusts } from "./commands/trust/define.ts";
import { EXIT } from "./failure.ts";
import { runCommands } from "./terminal/run-commands.ts";
import { stopSignal } from "./terminal/stop-signal.ts";
import { openTerminal } from "./terminal/terminal.ts";

const terminal = openTerminal(process.env);
process.exitCode = await run(process.argv.slice(2));

async function run(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("plane")
    .description("A control plane alone, for agents on other machines. Its state outlives it.")
    .exitOverride()
    .allowExcessArguments(false);
  const inDir = (command: Command): Command =>
    command.requiredOption("--dir <dir>", "where the control plane keeps its state");
  const ofProject = (command: Command, mayLack?: "may lack"): Command =>
    [new Option("--org <org>", "the customer"), new Option("--project <project>", "the customer's project")].reduce(
      (so, option) => so.addOption(option.argParser(contractId).makeOptionMandatory(mayLack === undefined)),
      command,
    );

  inDir(program.command("run", { isDefault: true }))
    .description("start it, and keep it until Ctrl-C; what is done when no command is named")
    .requiredOption("--listen <address:port>", "where agents come in; port 0: a free one", address)
    .option("--name <name...>", "DNS names and IP addresses by which agents call it", certificateNames)
    .option("--attestation <file>", "whose word on machines is taken beside join tokens; read again on SIGHUP")
    .option("--audience <url>", "what tokens for it are for; default: https://<first name>/attest/plane", audienceUrl)
    .option("--exchange <address:port>", "where CI jobs come in, over HTTPS; port 0: a free one", address)
    .action(async (options: RunOptions) => {
      const hangUps = new EventEmitter();
      const signal = stopSignal(options.attestation === undefined ? undefined : () => hangUps.emit("hang-up"));
      // Loaded only here: who asks a running one need not wait for all that it is made of.
      const { runPlane } = await import("./commands/plane/run.ts");
      code = await runPlane(options, terminal, signal, hangUps);
    });
  program
    .command("attestation")
    .description("the file that says whose word on machines is taken: docs/try-on-a-cloud.md")
    .command("check")
    .description("say what is wrong with it, or what it lets in")
    .argument("<file>", "TOML")
    .option("--json", "machine-readable")
    .action(async (file: string, options: { readonly json?: boolean }) => {
      const { checkPolicy } = await import("./commands/plane/attestation.ts");
      await checkPolicy(file, options, terminal);
    });
  ofProject(inDir(program.command("token")))
    .description("print a join token, good for the registration of one machine")
    .addOption(new Option("--arch <arch>", "of machines of this architecture only").choices(["amd64", "arm64"]))
    .addOption(durationOption("--ttl <time>", "how long it is good", "1h"))
    .option("--json", "machine-readable, with its end")
    .action((options: TokenOptions) => printToken(options, terminal));
  inDir(program.command("ca"))
    .description("print the CA that agents pin")
    .action((options: InDir) => printCa(options, terminal));
  inDir(program.command("machines"))
    .description("list the machines that have registered, and how they are")
    .option("--json", "machine-readable")
    .action((options: InDir) => listMachines(options, terminal));
  inDir(program.command("drain"))
    .description("let open builds of a machine, or of all of a project, finish, and end its agent")
    .option("--machine <id>", "this one")
    .option("--org <org>", "the customer", contractId)
    .option("--project <project>", "the customer's project", contractId)
    .addOption(durationOption("--grace <time>", "how long open builds may take", "60s"))
    .option("--json", "machine-readable")
    .action((options: DrainOptions) => drainMachine(options, terminal));
  inDir(program.command("diagnostics"))
    .description("ask a machine for its diagnostics bundle")
    .option("--machine <id>", "this one, where there are several")
    .option("--json", "machine-readable")
    .action((options: DiagnosticsOptions) => takeDiagnostics(options, askPlane, terminal));
  inDir(program.command("forget"))
    .description("forget a machine that has gone: its instance may register anew at once")
    .requiredOption("--machine <id>", "this one")
    .option("--json", "machine-readable")
    .action((options: ForgetOptions) => forgetMachine(options, terminal));
  inDir(program.command("audit"))
    .description("what was refused and why, and which instance changed hands, since its start")
    .option("--json", "machine-readable")
    .action((options: InDir) => listAudit(options, terminal));
  const between = { ask: askPlane, terminal };
  const placed = (command: Command): Command =>
    command.option(
      "--machine-address <host[:port]>",
      "where clients reach the machine, if not at the address that its stream comes from",
      hostPort,
    );
  const exitWith = (how: number): void => void (code = how);
  defineBuilds({ program, inDir, ofProject, placed, who: PLANE, exitWith, ...between }, (options) =>
    openBuildHere(options, between),
  );

  defineTrusts({ program, inDir, ofProject, ...between });
  defineTraces({ program, inDir, ofProject, ...between });

  const failed = await runCommands(program, argv, terminal);
  return failed === EXIT.ok ? code : failed;
}
