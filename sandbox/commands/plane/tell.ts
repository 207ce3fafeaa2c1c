import { writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import type { PolicyInForce } from "../../attestation/policy-in-force.ts";
import type { EmbeddedControlPlane } from "../../control-plane/embedded-control-plane.ts";
import { shellLine } from "../../stack/client-lines.ts";
import { writeWhole } from "../../stack/write-whole.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import { countOf } from "./attestation.ts";
import type { RunOptions } from "./run.ts";

/** Where a builder's configuration has its files. */
const CA_FILE = "/etc/builder-agent/control-plane-ca.pem";
const ANY = "0.0.0.0";

/** Where agents may find this machine, as far as it can tell. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";
}

/** Writes ready.json, and says what to put into an agent's configuration. */
export async function tellPlane(here: {
  readonly dir: string;
  readonly readyFile: string;
  readonly plane: EmbeddedControlPlane;
  readonly options: RunOptions;
  readonly attestation: PolicyInForce | undefined;
  readonly terminal: Terminal;
  /** Undefined: CI jobs come in nowhere. */
  readonly exchangePort: number | undefined;
}): Promise<void> {
  const { dir, readyFile, plane, options, attestation, terminal, exchangePort } = here;
  const { out, paint } = terminal;
  const caFile = join(dir, "control-plane-ca.pem");
  await writeFile(caFile, plane.caPem);
  const { endpoint, serverName, audience } = plane;
  const exchangeUrl =
    exchangePort === undefined ? undefined : `https://${urlHost(exchangeHost(options))}:${exchangePort}`;
  const own = { endpoint, serverName, audience, caFile, pid: process.pid };
  const ready = { ...own, ...(exchangeUrl !== undefined && { exchangeUrl }) };
  await writeWhole(readyFile, `${JSON.stringify(ready, null, 2)}\n`);

  const step = (text: string): void => out(`\n${paint("dim", text)}`);
  const command = (...words: readonly string[]): void =>
    out(`npm run --silent plane -- ${shellLine([...words, "--dir", dir])}`);
  out(`${paint("green", "Ready.")} Agents come in at ${paint("bold", endpoint)}; the state is in ${dir}`);
  if (attestation !== undefined) {
    out(
      `Machines may also prove themselves: ${countOf(attestation)} in ${attestation.loaded.file}; kill -HUP ${process.pid} takes it anew.`,
    );
    out(`Tokens for it have the audience ${audience}, where the agent chooses it ${audience}#n=…&k=…`);
  }
  step("1. An agent's /etc/builder-agent/config.toml:");
  out(agentConfig(here));
  step(`2. Its ${CA_FILE}:`);
  command("ca");
  step("3. Its /etc/credstore/join-token, root's alone; good for one machine:");
  command("token", "--org", "acme", "--project", "app");
  step("4. Whether it has come, and is ready:");
  command("machines");
  step("5. A build on it, for one command; for a shell, by eval: plane -- build open --shell:");
  out(
    `npm run --silent plane -- ${shellLine(["exec", "--dir", dir, "--org", "acme", "--project", "app"])} -- buildctl debug workers`,
  );
  if (exchangeUrl !== undefined) {
    step("6. Jobs of a repository may open builds, by its owner's id and its own (where to find them: docs/ci.md):");
    command(
      "trust",
      "add",
      "github",
      "--org",
      "acme",
      "--project",
      "app",
      "--owner-id",
      "OWNER",
      "--repository-id",
      "REPO",
    );
    step("7. In such a job, with the file of step 2:");
    out(`npm run --silent ci-build -- --plane ${exchangeUrl} --ca control-plane-ca.pem -- buildctl debug workers`);
  }
  step("Ctrl-C ends it; the state stays.");
}

/** By which clients may call it; it always has "localhost" and the like. */
function exchangeHost({ name = [], exchange }: RunOptions): string {
  const [first] = name;
  return first ?? (exchange === undefined || exchange.host === ANY ? "localhost" : exchange.host);
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function agentConfig({
  plane,
  options,
}: {
  readonly plane: EmbeddedControlPlane;
  readonly options: RunOptions;
}): string {
  const { port } = plane.transport;
  const [name] = options.name ?? [];
  const { host } = options.listen;
  const at = name ?? (host === ANY ? ownAddress() : host);
  // TLS asks for names, never for addresses; and what is not in the certificate cannot be checked.
  const serverName = (name === undefined || isIP(name) !== 0) && { serverName: plane.serverName };
  return stringify({
    controlPlane: { endpoint: `${urlHost(at)}:${port}`, caFile: CA_FILE, ...serverName },
    identity: { kind: "join-token" },
  }).trimEnd();
}
