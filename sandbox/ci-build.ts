import { Command } from "commander";
import { type CiBuildOptions, ciBuild } from "./ci/client/ci-build.ts";
import { durationMs } from "./commands/duration.ts";
import { contractId } from "./commands/option-values.ts";
import { EXCHANGE_AUDIENCE } from "./control-plane/exchange/trust.ts";
import { EXIT } from "./failure.ts";
import { runCommands } from "./terminal/run-commands.ts";
import { stopSignal } from "./terminal/stop-signal.ts";
import { openTerminal } from "./terminal/terminal.ts";

const terminal = openTerminal(process.env);
process.exitCode = await run(process.argv.slice(2));

async function run(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("ci-build")
    .description("Runs a command with a build of its own, by the CI job's own token. For jobs: no secret is needed.")
    .exitOverride()
    .requiredOption("--plane <url>", "the control plane's exchange")
    .requiredOption("--ca <file>", "the CA of the control plane, PEM")
    .option("--server-name <name>", "the name in its certificate, where it is not the URL's")
    .option("--token-env <name>", "the variable that holds the job's token; the command does not see it")
    .option("--audience <text>", "what the job's token shall be for, where the job can choose", EXCHANGE_AUDIENCE)
    .option("--org <org>", "the customer, where the job may build for several projects", contractId)
    .option("--project <project>", "the customer's project, likewise", contractId)
    .option("--ttl <time>", "how long the build may last, if less than is granted", durationMs)
    .option("--wait <time>", "how long to wait for a machine, if there is none that takes builds", durationMs, 0)
    .argument("<command...>", "what to run: buildctl gets its flags, everything else BUILDKIT_HOST and BUILDER_TLS_DIR")
    .action(async (command: readonly string[], options: CiBuildOptions) => {
      code = await ciBuild(options, command, { terminal, signal: stopSignal() });
    });
  const failed = await runCommands(program, argv, terminal);
  return failed === EXIT.ok ? code : failed;
}
