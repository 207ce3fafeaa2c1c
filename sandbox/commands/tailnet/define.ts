import type { Command } from "commander";
import type { ProjectRef } from "../../control-plane/project-ref.ts";
import type { ExitCode } from "../../failure.ts";
import { stopSignal } from "../../terminal/stop-signal.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";
import { type GrantOptions, grant, withdraw } from "./grant.ts";
import { listNodes, mintKey } from "./look.ts";

export interface Definition {
  readonly program: Command;
  readonly inDir: (command: Command) => Command;
  readonly ofProject: (command: Command) => Command;
  readonly terminal: Terminal;
  readonly exitWith: (code: ExitCode) => void;
}

/** `sandbox tailnet …` */
export function defineTailnet({ program, inDir, ofProject, terminal, exitWith }: Definition): void {
  const tailnet = program
    .command("tailnet")
    .description("a customer's tailnet: start it, and let the sandbox's machine join");
  inDir(tailnet.command("up"))
    .description(
      "start one, and keep it until Ctrl-C: for the sandbox that is up in the same directory, or else on 127.0.0.1",
    )
    .action(async (options: InDir) => {
      const signal = stopSignal();
      // Loaded only here: who asks a running one need not wait for all that it is made of.
      const { tailnetUp } = await import("./up.ts");
      exitWith(await tailnetUp(options, terminal, signal));
    });
  inDir(tailnet.command("down"))
    .description("end it; returns when nothing of it is left")
    .action(async (options: InDir) => {
      const { tailnetDown } = await import("./down.ts");
      await tailnetDown(options, terminal);
    });
  ofProject(inDir(tailnet.command("grant")))
    .description("let the sandbox's machine join it; returns when it has, or says why not")
    .option("--required", "no builds without it")
    .option("--accept-routes", "take the ways that its nodes offer")
    .option("--oauth", "hand over an OAuth client that may mint keys (default)")
    .option("--auth-key", "hand over a key instead")
    .option("--json", "machine-readable")
    .action(async (options: GrantOptions) => exitWith(await grant(options, terminal)));
  ofProject(inDir(tailnet.command("withdraw")))
    .description("let it leave; returns when it has")
    .option("--json", "machine-readable")
    .action((options: InDir & ProjectRef) => withdraw(options, terminal));
  inDir(tailnet.command("nodes"))
    .description("list its nodes, as its owner sees them")
    .option("--json", "machine-readable")
    .action((options: InDir) => listNodes(options, terminal));
  inDir(tailnet.command("key"))
    .description("print an auth key: for one ephemeral node with tag:builder, within 5 minutes")
    .action((options: InDir) => mintKey(options, terminal));
}
