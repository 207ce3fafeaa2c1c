import { resolve } from "node:path";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { askSandbox } from "../../admin/client.ts";
import { announced, provedAnew, type ServiceStates, serviceStates } from "../../admin/request.ts";
import { EXIT, type ExitCode } from "../../failure.ts";
import { FAULT_NAMES, type FaultName } from "../../metadata/fault-names.ts";
import { NOTICE_NAMES } from "../../metadata/notice-names.ts";
import type { NoticeOrder } from "../../metadata/notices.ts";
import type { FaultOrder } from "../../metadata/orders.ts";
import { SERVICE_NAMES } from "../../metadata/service-names.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";
import { durationMs } from "../duration.ts";

interface Definition {
  readonly program: Command;
  readonly inDir: (command: Command) => Command;
  readonly terminal: Terminal;
  readonly exitWith: (code: ExitCode) => void;
}

type NoticeOptions = InDir & { readonly in?: number; readonly of?: readonly string[] };
type FaultOptions = InDir & Omit<FaultOrder, "byMs" | "fault"> & { readonly by?: number };

/** `sandbox metadata …`: what the platforms do that stand in for a machine's. */
export function defineMetadata({ program, inDir, terminal, exitWith }: Definition): void {
  const metadata = program
    .command("metadata")
    .description("the platforms of a sandbox that was started with --evidence, and what they do wrong");
  inDir(metadata.command("fault"))
    .description("order a fault: what a platform does from now on")
    .argument("<fault>", `a status such as 429, or ${FAULT_NAMES.join(", ")}`, faultName)
    .addOption(new Option("--at <service>", "who has it; default: all").choices(SERVICE_NAMES))
    .option("--path <path>", "only when this is asked, such as /latest/api/token")
    .option("--times <count>", "so often, and then no more", wholeNumber)
    .option("--by <time>", "for clock-offset: by how much, such as 1h or -10m", signedMs)
    .option("--json", "machine-readable")
    .action(async (fault: FaultName | number, { dir, json, by, ...order }: FaultOptions) => {
      const { at, path, times } = order;
      const asked = {
        fault,
        ...(at !== undefined && { at }),
        ...(path !== undefined && { path }),
        ...(times !== undefined && { times }),
        ...(by !== undefined && { byMs: by }),
      };
      const answer = await askSandbox(resolve(dir), { verb: "metadata-fault", order: asked });
      tell(serviceStates.parse(answer), json, terminal);
    });
  for (const [name, what] of [
    ["list", "list who is there, how often each was asked, and what is wrong with it"],
    ["clear", "let all of them answer rightly again"],
  ] as const) {
    inDir(metadata.command(name))
      .description(what)
      .option("--json", "machine-readable")
      .action(async ({ dir, json }: InDir) => {
        const answer = await askSandbox(resolve(dir), { verb: `metadata-${name}` });
        tell(serviceStates.parse(answer), json, terminal);
      });
  }
  inDir(metadata.command("notice"))
    .description("announce something to the machine, as its platform would; none takes all of it back")
    .addArgument(new Argument("<notice>", "what").choices(["none", ...NOTICE_NAMES]))
    .option("--in <time>", "when it happens, such as 30s; default: as the platform gives", durationMs)
    .option("--of <machine...>", "Azure: which machines it concerns; default: this one")
    .option("--json", "machine-readable")
    .action(async (notice: NoticeOrder["notice"], { dir, json, in: inMs, of }: NoticeOptions) => {
      const order = { notice, ...(inMs !== undefined && { inMs }), ...(of && { resources: [...of] }) };
      const all = announced.parse(await askSandbox(resolve(dir), { verb: "metadata-notice", order }));
      if (json === true) terminal.out(JSON.stringify(all, null, 2));
      else terminal.out(all.length === 0 ? "No platform announces anything." : `Announced: ${all.join("; ")}`);
    });
  inDir(metadata.command("prove"))
    .description("let the machine prove itself anew; returns when it has, or with what it says instead")
    .option("--json", "machine-readable")
    .action(async ({ dir, json }: InDir) => {
      const answer = provedAnew.parse(await askSandbox(resolve(dir), { verb: "metadata-prove" }));
      if (json === true) terminal.out(JSON.stringify(answer, null, 2));
      else if (answer.proved) terminal.out(`The machine has proved itself anew, after ${answer.tookMs} ms.`);
      else terminal.out(`The machine has not proved itself (${answer.tookMs} ms): ${answer.because ?? ""}`);
      exitWith(answer.proved ? EXIT.ok : EXIT.unavailable);
    });
}

function tell(states: ServiceStates, json: boolean | undefined, { out, paint }: Terminal): void {
  if (json === true) return out(JSON.stringify(states, null, 2));
  for (const { service, at, asked, faults } of states) {
    const how = faults.length === 0 ? paint("dim", "answers rightly") : paint("yellow", faults.join("; "));
    out(`${service.padEnd(12)}  ${how}  ${paint("dim", `asked ${asked} times, at ${at}`)}`);
  }
}

function faultName(text: string): FaultName | number {
  const name = FAULT_NAMES.find((one) => one === text);
  if (name !== undefined) return name;
  if (/^[45]\d\d$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`A status such as 429 is wanted, or one of ${FAULT_NAMES.join(", ")}.`);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A number from 1 is wanted.");
}

function signedMs(text: string): number {
  return text.startsWith("-") ? -durationMs(text.slice(1)) : durationMs(text);
}
