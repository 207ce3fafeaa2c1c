import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, it } from "vitest";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";
import { openBuildHere } from "../../../sandbox/commands/plane/open.ts";
import { inTree } from "../../../sandbox/stack/tree.ts";
import { LabMachine } from "./lab-machine.ts";
import { RunningPlane, plane as run } from "./running-plane.ts";

const OPEN = ["build", "open", "--org", "acme", "--project", "app"] as const;

it("takes a machine in, opens and ends its builds, drains it, and ends by Ctrl-C with its state", async () => {
  await using plane = await RunningPlane.start("--name", "plane.example.com", "192.0.2.1");
  const [ca, none, token] = await Promise.all([plane.command("ca"), plane.command("machines"), plane.token()]);
  expect(`${ca.stdout}\n`).toBe(plane.caPem);
  expect(none.stdout).toBe("No machine has registered.");
  await using machine = await LabMachine.register(plane, token);
  await machine.until("a desired state", () => true);

  const ticket = await plane.asked<OpenedBuildFiles>(...OPEN);
  expect(ticket.endpoint).toBe("tcp://127.0.0.1:8443");
  expect(ticket.serverName).toBe(`${machine.id}.builders.sandbox.internal`);
  for (const file of [ticket.certFile, ticket.keyFile]) expect((await stat(file)).mode & 0o777).toBe(0o600);
  const cert = new X509Certificate(await readFile(ticket.certFile));
  expect(cert.subjectAltName).toContain(`/org/acme/project/app/build/${ticket.buildId}`);
  expect((await plane.command("build", "list")).stdout).toContain(`${ticket.buildId}  acme/app  until `);

  const said = (await plane.command("machines")).stdout;
  expect(said).toMatch(
    new RegExp(`^${machine.id}  acme/app  amd64  ready  attached since \\S+ from 127\\.0\\.0\\.1\n`),
  );
  expect(said).toContain("agent 0.1.0, Node 24.0.0, BuildKit 0.33.1");

  const elsewhere = await plane.asked<OpenedBuildFiles>(...OPEN, "--machine-address", "builder.example.com");
  expect(elsewhere.endpoint).toBe("tcp://builder.example.com:8443");
  const ended = await plane.command("build", "end", ticket.buildId);
  expect(ended.stdout).toMatch(/^Build \S+ is ended: its sessions were cut/);
  expect((await plane.asked<{ how: string }>("build", "revoke", elsewhere.buildId)).how).toBe("revoked");

  const drained = await plane.command("drain", "--org", "acme", "--project", "app", "--grace", "5s");
  expect(drained.stdout).toBe(`Machine ${machine.id} drains: open builds may take 5 s more.`);
  await machine[Symbol.asyncDispose]();

  const { exitCode, stdout } = await plane.interrupt();
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`endpoint = "plane.example.com:${plane.port}"`);
  expect(stdout).toContain("The state stays in");
  expect(stdout).not.toContain("PRIVATE KEY");
  expect(await readdir(plane.dir)).toEqual(["authorities", "builds", "control-plane-ca.pem", "spent", "state.json"]);
  await plane.startAgain();
  expect(await plane.asked("machines")).toMatchObject([
    { machineId: machine.id, attached: false, ready: false, reasons: ["it is not attached"] },
  ]);
  expect((await plane.command("drain", "--machine", machine.id)).stdout).toBe(
    `Machine ${machine.id} is not attached: it drains once it is.`,
  );
});

it("ends by Ctrl-C while a machine is attached, which comes back by itself", async () => {
  await using plane = await RunningPlane.start();
  await using machine = await LabMachine.register(plane, await plane.token());
  const { epoch } = await machine.until("a desired state", () => true);
  const { exitCode, stderr } = await plane.interrupt();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  await plane.startAgain();
  expect((await machine.until("a desired state", () => true)).epoch).toBe(epoch);
});

it("serves under each name that it is given, beside those that it always has", async () => {
  await using plane = await RunningPlane.start("--name", "plane.example.com", "192.0.2.1");
  for (const servername of ["plane.example.com", plane.serverName, "localhost"]) {
    const socket = connect({ host: "127.0.0.1", port: plane.port, servername, ca: plane.caPem, ALPNProtocols: ["h2"] });
    await once(socket, "secureConnect");
    const names = socket.getPeerX509Certificate()?.subjectAltName ?? "";
    expect(names).toContain("DNS:plane.example.com");
    expect(names).toContain("IP Address:192.0.2.1");
    socket.on("error", () => undefined).destroy();
  }
});

it("prints on a terminal the lines that build what lies in the folder", async () => {
  const said: string[] = [];
  const terminal = {
    out: (text: string) => said.push(text),
    err: () => undefined,
    isTty: true,
    paint: (_: string, text: string) => text,
  };
  const ticket: OpenedBuildFiles = {
    buildId: "b-1",
    ...{ caFile: "/d/ca.pem", certFile: "/d/cert.pem", keyFile: "/d/key.pem" },
    ...{ serverName: "m-1.builders", endpoint: "tcp://192.0.2.7:8443", expiresAt: "" },
  };
  const options = { dir: "/d", org: "acme", project: "app", ttl: 1_000 };
  await openBuildHere(options, { terminal, ask: async () => ticket });
  expect(JSON.parse(said[0] ?? "")).toEqual(ticket);
  const exec = `npm --prefix ${inTree(".")} run --silent plane -- exec --dir /d --build b-1 --`;
  expect(said).toContain(`${exec} buildctl build --frontend dockerfile.v0 --local context=. --local dockerfile=.`);
  expect(said).toContain(`${exec} docker buildx build .`);
  said.length = 0;
  await openBuildHere(options, { terminal: { ...terminal, isTty: false }, ask: async () => ticket });
  expect(said).toHaveLength(1);
});

it("refuses what is wrong in one sentence, by exit codes that say what kind of wrong, and goes on", async () => {
  await using plane = await RunningPlane.start();
  await plane.token();
  const busy = createServer().listen(0, "127.0.0.1");
  await once(busy, "listening");
  const busyPort = (busy.address() as AddressInfo).port;
  const parent = await mkdtemp(join(tmpdir(), "plane-test-"));
  const [file, damaged] = [join(parent, "file"), join(parent, "state.json")];
  await writeFile(file, "");
  await writeFile(damaged, "{");
  const refusals: readonly (readonly [number, string, ...string[]])[] = [
    [64, "--listen", "--dir", parent],
    [64, "--dir", "--listen", "127.0.0.1:0"],
    [64, "127.0.0.1:8443", "--listen", "9443", "--dir", parent],
    [64, "A DNS name or an IP address", "--listen", "127.0.0.1:0", "--dir", parent, "--name", "a b"],
    [64, "A DNS name or an IP address", "--listen", "127.0.0.1:0", "--dir", parent, "--name", "192.0.2"],
    [64, "An address is wanted", ...OPEN, "--dir", plane.dir, "--machine-address", "a:b:c"],
    [64, "amd64, arm64", "token", "--org", "a", "--project", "b", "--arch", "m68k", "--dir", plane.dir],
    [64, "at most 128", "token", "--org", "a/b", "--project", "b", "--dir", plane.dir],
    [64, "Either --machine, or --org and --project", "drain", "--dir", plane.dir],
    [64, "Either --machine, or --org and --project", "drain", "--dir", plane.dir, "--machine", "m", "--org", "a"],
    [65, "is damaged: put a copy of it back", "--listen", "127.0.0.1:0", "--dir", parent],
    [69, "No control plane answers in", "machines", "--dir", parent],
    [69, "A control plane is up in", "--listen", "127.0.0.1:0", "--dir", plane.dir],
    [69, "something else listens there", "--listen", `127.0.0.1:${busyPort}`, "--dir", join(parent, "new")],
    [69, "No machine serves acme/other", "build", "open", "--org", "acme", "--project", "other", "--dir", plane.dir],
    [69, "Build b-none is not open", "build", "end", "b-none", "--dir", plane.dir],
    [69, "No machine m-none is registered here", "drain", "--machine", "m-none", "--dir", plane.dir],
    [73, `Cannot use ${file}`, "--listen", "127.0.0.1:0", "--dir", join(file, "x")],
  ];
  const answers = [];
  for (const [, , ...args] of refusals) answers.push(await run(...args));
  expect(answers.map(({ exitCode, stderr }) => `${exitCode} ${stderr}`)).toEqual(
    refusals.map(([code, says]) => expect.stringMatching(new RegExp(`^${code} [^\n]*${says}[^\n]*$`)) as string),
  );
  expect(existsSync(join(parent, "plane.json"))).toBe(false);
  expect((await plane.command("machines")).exitCode).toBe(0);
  busy.close();
  await rm(parent, { recursive: true });
});
