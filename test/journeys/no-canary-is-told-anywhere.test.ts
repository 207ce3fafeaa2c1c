import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFile, lstat, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { BuildkitSettings, type Tailnet } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { takeDiagnostics } from "../../sandbox/admin/diagnostics.ts";
import type { OpenedBuildFiles } from "../../sandbox/admin/request.ts";
import type { Wishes } from "../../sandbox/control-plane/project.ts";
import { bundle } from "../bundle/bundle-command.ts";
import { folderOfOwn, unpacked } from "../bundle/unpacked.ts";
import { writtenIn } from "../bundle/written-in.ts";
import { Sitting } from "../debug/sitting.ts";
import { OtlpReceiver } from "../traces/otlp-receiver.ts";
import { canary, sightings } from "./stage/canary.ts";
import { eventually } from "./stage/eventually.ts";
import { bodyOf, commandsAndEnvironments, filesBelow, type Haystack, whereFound } from "./stage/haystack.ts";
import { oidcIdentity } from "./stage/oidc-issuer.ts";
import { processesNaming } from "./stage/processes.ts";
import { REF } from "./stage/set-up.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();
afterEach(() => {
  vi.unstubAllEnvs();
});

const inUrl = encodeURIComponent;
const tokenUrl = (token: string): string => `https://issuer.invalid/token?access_token=${inUrl(token)}`;

/** Each tells where it was put. */
const secretsOfAll = () => ({
  proxy: canary("proxy"),
  environment: canary("environment"),
  ownVariable: canary("own-variable"),
  inFile: canary("in-file"),
  argument: canary("argument"),
  buildSecret: canary("build-secret"),
  volumeKey: randomBytes(64),
  apiPassword: canary("api-password"),
  coordinationPassword: canary("coordination-password"),
  clientSecret: canary("client-secret"),
  authKey: canary("auth-key"),
  mirrorPassword: canary("mirror-password"),
  // Of letters that a header takes.
  traceHeader: inUrl(canary("trace-header")),
  grantWord: canary("grant-word"),
  grantProgram: `/nowhere/${canary("grant-program")}`,
});
type Secrets = ReturnType<typeof secretsOfAll>;

/** A tailnet's API and its coordination server that know nobody, and repeat all that they hear. */
async function echoingServer() {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const body = Buffer.concat(pieces).toString();
      const asked = Object.fromEntries(new URLSearchParams(body));
      const message = `unknown: ${body} ${asked["client_secret"]} ${JSON.stringify([asked, request.headers])}`;
      response.writeHead(401, { "content-type": "application/json" }).end(JSON.stringify({ message }));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  // It listens on an address and a port.
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, [Symbol.dispose]: () => void server.close() };
}

async function refusedTailnets(stage: Stage, secrets: Secrets, host: string): Promise<void> {
  const wish = async (grantId: string, tailnet: Partial<Tailnet>): Promise<void> => {
    const usual = { coordinationUrl: "", apiUrl: "", tags: ["tag:x"], acceptRoutes: false, required: true };
    await stage.plane.wish(REF, { tailnet: { grantId, ...usual, credential: undefined, ...tailnet } }).applied();
  };
  const refused = (grantId: string) => stage.log.until("tailnet.not-joined", ({ data }) => data["grantId"] === grantId);
  const client = { clientId: "k-client", clientSecret: secrets.clientSecret };
  const credential = { $case: "oauthClient", value: client } as const;
  await wish("by-its-url", { credential, apiUrl: `http://bob:${inUrl(secrets.apiPassword)}@${host}` });
  await refused("by-its-url");
  await wish("by-an-echo", { credential, apiUrl: `http://${host}` });
  await refused("by-an-echo");
  const key = { $case: "authKey", value: secrets.authKey } as const;
  await wish("by-a-key", {
    credential: key,
    coordinationUrl: `http://bob:${inUrl(secrets.coordinationPassword)}@${host}`,
  });
  await eventually("tailscaled asks", async () => {
    const said = await stage.log.all("tailscaled.log", ({ data }) => String(data["message"]).includes("401"));
    return said.length > 0;
  });
  expect((await stage.health("/readyz/tailnet")).body).toContain(host);
}

/** What was seen of a shell that tells its environment; another one never began. */
async function useTerminals(stage: Stage, { grantWord, grantProgram }: Secrets): Promise<string> {
  const seen: string[] = [];
  for (const command of [["/bin/sh", "-c", "env; exit 3", "sh", grantWord], [grantProgram]]) {
    const order = { machineId: stage.machine.id, user: "ada", grantedBy: "olga", command };
    const ada = new Sitting(stage.plane.debug.grant(REF, order), { columns: 80, rows: 24 });
    await ada.ended;
    seen.push(ada.text);
  }
  return seen[0] ?? "";
}

async function buildWith(stage: Stage, secret: string): Promise<OpenedBuildFiles> {
  const file = join(stage.clientDir, "secret");
  await writeFile(file, secret, { mode: 0o600 });
  const from = ["FROM scratch AS work", "COPY busybox /bin/busybox"];
  const run = (script: string): string =>
    `RUN --mount=type=secret,id=s ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`;
  const use = ["--secret", `id=s,src=${file}`];
  const build = await stage.openBuild();
  const digest = [...from, run("sha256sum < /run/secrets/s > /digest"), "FROM scratch", "COPY --from=work /digest /"];
  const { client, outputDir } = await stage.build(build, digest, use);
  await client.succeeds();
  const sha256 = createHash("sha256").update(secret).digest("hex");
  expect(await readFile(join(outputDir, "digest"), "utf8")).toContain(sha256);
  const failing = await stage.build(build, [...from, run("cat /run/secrets/s > /x; exit 3")], use);
  expect((await failing.client.ended).exitCode).not.toBe(0);
  return build;
}

/** What nobody has put anywhere: the machine's token, its key, a build's key; and any other key. */
async function ownSecretsAreIn(stage: Stage, build: OpenedBuildFiles, haystack: Haystack): Promise<readonly string[]> {
  // Written by the agent as { …, keyPem }.
  const { keyPem } = JSON.parse(await readFile(stage.identityFile, "utf8")) as { readonly keyPem: string };
  const secrets = {
    token: await readFile(stage.tokenFile, "utf8"),
    machineKey: bodyOf(keyPem),
    buildKey: bodyOf(await readFile(build.keyFile, "utf8")),
    anyPrivateKey: "PRIVATEKEY-----",
  };
  const itsPlaces = new Map([
    ...(await filesBelow(stage.clientDir)),
    [stage.tokenFile, secrets.token],
    [stage.identityFile, keyPem],
  ]);
  for (const [what, secret] of Object.entries(secrets))
    expect({ what, where: whereFound(secret, itsPlaces) }).not.toEqual({ what, where: [] });
  return Object.entries(secrets).flatMap(([what, secret]) =>
    whereFound(secret, haystack).map((where) => `${what} → ${where}`),
  );
}

/** All that lies on disk and in memory, but for its own two secrets. */
async function writtenBy(stage: Stage): Promise<Haystack> {
  return new Map([
    ...(await filesBelow(stage.workDir, [join(stage.workDir, "cache"), join(stage.workDir, "agent.toml")])),
    ...(await filesBelow(stage.runtimeDir, [stage.tokenFile, stage.identityFile])),
  ]);
}

async function outages(stage: Stage): Promise<void> {
  const { attaches } = stage.machine;
  await stage.kill("control");
  await stage.plane.until(() => stage.machine.attaches > attaches, { what: "control to attach again" });
  const applied = stage.log.next("policy.applied");
  await stage.kill("gateway");
  await applied;
}

/** The control plane's words can be wrong, too, and what is wrong is quoted to it. */
async function refusedState(stage: Stage, wishes: Wishes): Promise<void> {
  const refused = (): boolean | undefined => (stage.machine.observed?.refusedReason ?? "") !== "";
  void stage.plane
    .wish(REF, wishes)
    .applied()
    .catch(() => undefined);
  await stage.plane.until(refused, { what: "the state to be refused" });
}

const PAGES = ["/", "/status", "/metrics", "/readyz", "/readyz?verbose", "/readyz?format=json", "/livez?verbose"];
const COMMANDS: readonly (readonly string[])[] = [
  ...[["status"], ["status", "--json"], ["doctor"], ["doctor", "--json"], ["config", "check"]],
  ...[
    ["config", "show"],
    ["config", "show", "--json"],
  ],
];

function printed(heard: unknown): string {
  return JSON.stringify(heard, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

/** All that is shown, said and sent. */
async function told(stage: Stage, receiver: OtlpReceiver): Promise<Haystack> {
  const all = new Map<string, string>();
  all.set("the spans that were sent", printed(await receiver.untilSpans(1)));
  for (const page of PAGES) all.set(`GET ${page}`, (await stage.health(page)).body);
  for (const words of COMMANDS) {
    const isOption = (word: string): boolean => word.startsWith("-");
    const command = words.filter((word) => !isOption(word));
    all.set(words.join(" "), (await stage.ask(command.join(" "), words.filter(isOption))).said);
  }
  for (const form of [[], ["--json"]])
    all.set(["logs", ...form].join(" "), (await stage.ask("logs", ["--file", stage.log.file, ...form])).said);
  const machines = stage.plane.machines().map(({ hello, observed, facts }) => ({ hello, observed, facts }));
  const heard = { machines, records: stage.plane.records(), audit: stage.plane.audit() };
  all.set("what the control plane heard", printed(heard));
  for (const { text, ...metadata } of stage.plane.debug.recordings.all())
    all.set(`the recording ${metadata.recordingId}`, `${JSON.stringify(metadata)}\n${text.split("\n")[0]}`);
  return all;
}

function named(when: string, haystack: Haystack): Haystack {
  return new Map([...haystack].map(([where, text]) => [`${when}: ${where}`, text]));
}

/** By root's command, and by control for its control plane. */
async function bundles(stage: Stage): Promise<Haystack> {
  const all = new Map<string, string>();
  await using ours = await folderOfOwn();
  await using theirs = await folderOfOwn();
  const file = join(ours.path, "b.tar.gz");
  const { code, out, err } = await bundle(ours, ["--config", join(stage.workDir, "agent.toml"), "--output", file]);
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining("BUG-") as string });
  all.set("what bundle said", out + err);
  for (const [name, text] of await unpacked(file, ours.path)) all.set(`root's bundle: ${name}`, text);
  const taken = await takeDiagnostics(stage.plane, theirs.path, undefined);
  for (const [name, text] of await unpacked(taken.file, theirs.path)) all.set(`control's bundle: ${name}`, text);
  return all;
}

it("of a secret put wherever one can be, nothing is in what the machine writes, shows, sends or keeps", {
  timeout: 240_000,
}, async () => {
  using server = await echoingServer();
  const secrets = secretsOfAll();
  await using receiver = await OtlpReceiver.listen();
  await using folder = await folderOfOwn();
  const headersFile = join(folder.path, "headers");
  await writeFile(headersFile, `X-Key: ${secrets.traceHeader}\n`, { mode: 0o600 });
  vi.stubEnv("HTTPS_PROXY", `http://bob:${inUrl(secrets.proxy)}@proxy.invalid:3128`);
  vi.stubEnv("SOME_API_TOKEN", secrets.environment);
  await using stage = await Stage.up({
    logLevel: "debug",
    telemetry: { otlpEndpoint: receiver.url, headersFile },
    config: { identity: { oidcUrl: tokenUrl(secrets.inFile) }, tailnet: { tun: "userspace-networking", port: 0 } },
    environment: { BUILDER_AGENT_IDENTITY_OIDC_URL: tokenUrl(secrets.ownVariable) },
    args: [`--identity-oidc-url=${tokenUrl(secrets.argument)}`],
  });
  const key = { $case: "rawKey", value: secrets.volumeKey } as const;
  await stage.plane.wish(REF, { cacheVolume: { volumeId: "v-1", device: "", key, filesystem: "" } }).applied();
  await refusedTailnets(stage, secrets, server.host);
  const whileRefused = await told(stage, receiver);
  await stage.plane.wish(REF, { tailnet: undefined }).applied();
  const build = await buildWith(stage, secrets.buildSecret);
  const shellsEnvironment = await useTerminals(stage, secrets);
  expect(shellsEnvironment).toContain("HOME=");
  receiver.behaviour = ({ headers }, response) => response.writeHead(401).end(`No: ${JSON.stringify(headers)}`);
  await outages(stage);
  const mirrors = { "registry.example": { mirrors: [`bob:${secrets.mirrorPassword}@mirror.example`] } };
  await refusedState(stage, { buildkit: BuildkitSettings.fromPartial({ registryMirrors: mirrors }) });
  const whileStateRefused = await told(stage, receiver);
  await stage.plane.wish(REF, { buildkit: undefined }).applied();

  const written = await writtenBy(stage);
  const processes = await commandsAndEnvironments([stage.workDir, stage.runtimeDir]);
  // Whoever starts it by hand shows its arguments and environment to root. Control needs both, and
  // what fetches on others' behalf needs the way out; nobody else has them.
  const daemons = [...(await processesNaming("buildkitd")), ...(await processesNaming("tailscaled"))];
  const pids = [await stage.pid("launcher"), await stage.pid("control"), ...daemons.map(({ pid }) => pid)];
  const others = [...processes].filter(([path]) => !pids.some((pid) => path.startsWith(`/proc/${pid}/`)));
  const where = (haystack: Haystack): readonly string[] => sightings(secrets, haystack);
  const all = new Map([...named("joining", whileRefused), ...named("refusing", whileStateRefused), ...written]);
  expect(where(all)).toEqual([]);
  expect(await ownSecretsAreIn(stage, build, new Map([...all, ...processes]))).toEqual([]);
  expect([...written.keys()].join("\n")).toMatch(/agent\.log\n(.*\n)*.*records/);
  expect(where(new Map([...others, ["the shell's environment", shellsEnvironment]]))).toEqual([]);
  expect(others.map(([path]) => path)).toContain(`/proc/${await stage.pid("gateway")}/environ`);
  const digests = [...written.keys()].filter((path) => path.endsWith("secret-digests.json"));
  expect(digests).toHaveLength(2);
  for (const path of [stage.identityFile, ...digests]) expect((await lstat(path)).mode & 0o007).toBe(0);

  // Where other programs' words have them all the same, a bundle does not; but for three, which no
  // process of ours has ever held: what a build hands to its steps, what was refused, and what a
  // file says that an argument is taken for.
  const { buildSecret: _theirs, mirrorPassword: _refused, inFile: _unused, ...held } = secrets;
  const forms = Object.values(held).flatMap(writtenIn);
  await appendFile(stage.log.file, forms.map((form) => `tool: ~${form}~ and so on\n`).join(""));
  const inBundles = await bundles(stage);
  expect(where(inBundles)).toEqual([]);
  expect(await ownSecretsAreIn(stage, build, inBundles)).toEqual([]);
});

it("of an OIDC token by which a machine has come, of its key and of its builds' keys neither", async () => {
  await using receiver = await OtlpReceiver.listen();
  await using stage = await Stage.up({
    identity: (plane) => oidcIdentity(plane, REF),
    logLevel: "debug",
    telemetry: { otlpEndpoint: receiver.url },
  });
  const build = await buildWith(stage, canary("build-secret"));
  await outages(stage);
  const processes = await commandsAndEnvironments([stage.workDir, stage.runtimeDir]);
  const all = new Map([...(await told(stage, receiver)), ...(await writtenBy(stage)), ...processes]);
  expect(await ownSecretsAreIn(stage, build, all)).toEqual([]);
});
