import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { orderedTraces } from "../admin/traces.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import { EXIT, SandboxFailure } from "../failure.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { InDir } from "./builds.ts";

interface TracesOptions extends InDir, ProjectRef {
  readonly to?: string;
  readonly none?: boolean;
  readonly headersFile?: string;
  readonly ca?: string;
  readonly sessionPercent?: number;
}

type Order = {
  readonly otlpEndpoint: string;
  readonly headers: Record<string, string>;
  readonly caCertificates: string;
  readonly sessionPercent: number;
};
type Ask = (dir: string, request: { readonly verb: "traces"; readonly order?: Order } & ProjectRef) => Promise<unknown>;

/**
 * `traces`: where the spans of a project's machines go, of a sandbox and of a control plane alone.
 */
export function defineTraces(between: {
  readonly program: Command;
  readonly inDir: (command: Command) => Command;
  readonly ofProject: (command: Command) => Command;
  readonly ask: Ask;
  readonly terminal: Terminal;
}): void {
  const { program, inDir, ofProject, ask, terminal } = between;
  ofProject(inDir(program.command("traces")))
    .description("order where machines that name no endpoint of their own send their spans")
    .option("--to <url>", "base of OTLP over HTTPS, such as https://collector.example.com:4318")
    .option("--headers-file <file>", 'headers for it, "Name: value", a line each')
    .option("--ca <file>", "PEM of the only CAs that its certificate may chain to")
    .option("--session-percent <number>", "of how many builds in a hundred the sessions are sent", percent)
    .option("--none", "withdraw the order")
    .option("--json", "machine-readable")
    .action((options: TracesOptions) => orderTraces(options, ask, terminal));
}

/** Prints what each machine says of it. @throws {SandboxFailure} */
async function orderTraces(options: TracesOptions, ask: Ask, { out, paint }: Terminal): Promise<void> {
  const { dir, org, project, json } = options;
  const order = await orderOf(options);
  const answer = await ask(resolve(dir), { verb: "traces", org, project, ...(order !== undefined && { order }) });
  const machines = orderedTraces.parse(answer);
  if (json === true) return out(JSON.stringify(machines, null, 2));
  for (const { machineId, ok, says } of machines) out(`${paint("bold", machineId)}  ${ok ? "" : "not yet: "}${says}`);
}

async function orderOf({ to, none, headersFile, ca, sessionPercent }: TracesOptions): Promise<Order | undefined> {
  if ((to === undefined) === (none !== true))
    throw new SandboxFailure(EXIT.usage, "Either --to URL, or --none: say where spans go.");
  if (to === undefined) return undefined;
  return {
    otlpEndpoint: to,
    headers: headersFile === undefined ? {} : headersIn(await readFile(headersFile, "utf8"), headersFile),
    caCertificates: ca === undefined ? "" : await readFile(ca, "utf8"),
    sessionPercent: sessionPercent ?? 0,
  };
}

function headersIn(text: string, file: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line, at) => {
      const [, name, value] = /^\s*([^:\s]+):\s*(.*\S)\s*$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new SandboxFailure(EXIT.usage, `${file}: header ${at + 1} is not "Name: value".`);
    }),
  );
}

function percent(text: string): number {
  if (/^([1-9]\d?|100)$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A number from 1 to 100 is wanted.");
}
