import { expect, it } from "vitest";
import { agentVersion } from "../../agent/adapters/machine/versions.ts";
import { KEYS, type Key } from "../../agent/cli/config/keys.ts";
import { REQUIRED, tomlFile } from "./load.ts";
import { runCli } from "./recorded-cli.ts";

it("lists its commands and its exit codes", async () => {
  expect(await runCli(["--help"])).toEqual({
    code: 0,
    err: "",
    out: `Usage: builder-agent [options] [command]

The agent of a builder VM: proves its machine, lets open builds in, and runs BuildKit for them.

Options:
  -V, --version   show the agent's version
  -h, --help      show this help

Commands:
  run             run gateway, control and buildkitd, on a machine without systemd
  gateway         let open builds in over mutual TLS and hand them to BuildKit
  control         prove this machine to the control plane and do what it wants
  status          show how the running agent is; exit 0 only if it is ready
  drain           let open builds finish, then end the agent; shows how far it is
  reconnect       try the control plane now, and say what came of it
  logs            what the agent and its daemons have written, for people to read
  buildkit        what the service manager runs as root around buildkitd
  volume          the encrypted cache volume: what is open, what would be done, and what systemd runs as root
  network         the network of builds: what is in force, and what systemd runs as root
  doctor          look at everything from outside, and say what is wrong and what to do next
  config          check and show the configuration
  bundle          put all that support needs into one archive, without secrets
  version         show the agent's version
  completion      print what bash, zsh or fish need to complete these commands
  help [command]  show the help of a command

On a new machine, or one that is not well: builder-agent doctor. It says what is wrong, and what to do next.
Exit codes: 0 good, 1 not ready, 64 wrong command line, 65 the cache volume refused, 69 no answer, 70 a defect, 73 the output cannot be written, 75 not over yet, 77 refused by the control plane or not permitted, 78 wrong configuration.
`,
  });
});

it.each(["run", "gateway", "control", "status", "config check", "config show"])(
  "gives %s a flag for every key that it reads, with its default",
  async (command) => {
    const { code, out } = await runCli([...command.split(" "), "--help"]);
    expect(code).toBe(0);
    const sections = [...out.matchAll(/^Configuration, (\w+):$/gm)].map((match) => match[1]);
    expect(sections.length).toBeGreaterThan(0);
    const text = out.replaceAll(/\s+/g, " ");
    for (const key of KEYS.filter(({ section }) => sections.includes(section)))
      expect(text).toContain(`${key.flag} <value> ${key.description.replace(/\.$/, "")}${defaultNote(key)}`);
  },
);

function defaultNote({ defaultText }: Key): string {
  return defaultText === undefined ? "" : ` (default: ${defaultText})`;
}

it("offers the gateway no flag of the control plane's", async () => {
  expect((await runCli(["gateway", "--help"])).out).not.toContain("control-plane");
});

it("tells its version, for people and for programs", async () => {
  const node = process.versions.node;
  expect((await runCli(["version"])).out).toBe(
    `builder-agent ${agentVersion()} (Node ${node}, contract builder.agent.v1)\n`,
  );
  expect(JSON.parse((await runCli(["version", "--json"])).out)).toEqual({
    schemaVersion: 1,
    agent: agentVersion(),
    node,
    contract: "builder.agent.v1",
  });
});

it.each(["-V", "--version"])("%s tells it too", async (flag) => {
  expect(await runCli([flag])).toEqual(await runCli(["version"]));
  expect(await runCli([flag, "--json"])).toEqual(await runCli(["version", "--json"]));
});

it("shows every value with where it came from", async () => {
  await using toml = await tomlFile(
    '[gateway]\nlisten = "[::1]:8443"\n[controlPlane]\nserverName = "plane.internal"\n',
  );
  const flags = Object.entries(REQUIRED).flat();
  const environment = { BUILDER_AGENT_LOG_LEVEL: "debug" };
  const { code, out } = await runCli(["config", "show", "--config", toml.file, ...flags], environment);
  expect(code).toBe(0);
  expect(out.replaceAll(toml.file, "config.toml")).toBe(`\
controlPlane.endpoint                  control.example.com:443             flag --control-plane-endpoint
controlPlane.caFile                    /etc/ca.pem                         flag --control-plane-ca-file
controlPlane.proxy                     —                                   default
controlPlane.serverName                plane.internal                      file config.toml line 4
identity.kind                          join-token                          flag --identity-kind
identity.tokenFile                     /run/token                          flag --identity-token-file
identity.oidcUrl                       —                                   default
identity.oidcSocket                    —                                   default
identity.awsMetadataUrl                —                                   default
identity.stsUrl                        —                                   default
identity.gcpMetadataUrl                —                                   default
identity.azureMetadataUrl              —                                   default
identity.azureCertificatesUrl          —                                   default
identity.nitroTpmAttest                —                                   default
gateway.listen                         [::1]:8443                          file config.toml line 2
gateway.maxConnections                 1024                                default
gateway.maxConnectionsPerSource        256                                 default
gateway.maxPendingHandshakes           256                                 default
gateway.maxPendingHandshakesPerSource  128                                 default
gateway.handshakeTimeoutMs             10000                               default
gateway.maxSessionsPerBuildPerMinute   300                                 default
gateway.calls                          judged                              default
health.listen                          127.0.0.1:9464                      default
paths.stateDir                         /var/lib/builder-agent              default
paths.runtimeDir                       /run/builder-agent                  default
paths.cacheDir                         /var/lib/builder-agent/cache        default
cacheVolume.device                     —                                   default
cacheVolume.filesystem                 ext4                                default
cacheVolume.requireEncryption          false                               default
buildkit.binary                        buildkitd                           default
buildkit.bbolt                         bbolt                               default
buildkit.runc                          runc                                default
buildkit.cniBinaryDir                  /usr/lib/cni                        default
buildkit.debugSocket                   true                                default
network.mode                           bridge                              default
network.nat64Prefix                    —                                   default
network.probeTarget                    —                                   default
tailnet.binary                         tailscaled                          default
tailnet.tun                            tailscale0                          default
tailnet.port                           41641                               default
tailnet.coordinationUrl                https://controlplane.tailscale.com  default
tailnet.apiUrl                         https://api.tailscale.com           default
tailnet.identityTokenFile              —                                   default
services.manager                       launcher                            default
debugTerminal.root                     false                               default
telemetry.otlpEndpoint                 —                                   default
telemetry.headersFile                  —                                   default
telemetry.caFile                       —                                   default
telemetry.sessionPercent               100                                 default
drain.graceMs                          600000                              default
drain.stopGraceMs                      10000                               default
notices.platform                       auto                                default
log.level                              debug                               environment BUILDER_AGENT_LOG_LEVEL
log.format                             auto                                default
`);
  const json: unknown = JSON.parse(
    (await runCli(["config", "show", "--json", "--config", toml.file, ...flags], environment)).out,
  );
  expect(json).toMatchObject({ schemaVersion: 1 });
  expect(json).toHaveProperty("values.15", { key: "gateway.maxConnections", value: 1024, source: "default" });
});

it("prints a JSON Schema that names every key and requires none", async () => {
  const { out } = await runCli(["config", "schema"]);
  const schema: unknown = JSON.parse(out);
  for (const { section, name, description } of KEYS)
    expect(schema).toHaveProperty(`properties.${section}.properties.${name}.description`, description);
  expect(out).not.toContain('"required"');
});

it.each([
  { argv: [], err: /^Usage: builder-agent/ },
  { argv: ["walk"], err: /^builder-agent: unknown command 'walk'/ },
  { argv: ["config", "shwo"], err: /^builder-agent: unknown command 'shwo'\n\(Did you mean show\?\)/ },
  { argv: ["help", "nosuch"], err: /^builder-agent: unknown command 'nosuch'\n\(--help shows/ },
  { argv: ["help", "config", "chek"], err: /^builder-agent: unknown command 'chek'\n\(Did you mean check\?\)/ },
  { argv: ["doctor", "isolaton"], err: /^builder-agent: unknown command 'isolaton'\n\(Did you mean isolation\?\)/ },
  { argv: ["version", "--jsn"], err: /^builder-agent: unknown option '--jsn'\n\(Did you mean --json\?\)/ },
  { argv: ["gateway", "--gateway-listen"], err: /^builder-agent: option '--gateway-listen <value>' argument missing/ },
  { argv: ["status", "now"], err: /^builder-agent: too many arguments for 'status'/ },
])("refuses $argv with 64 and says what there is", async ({ argv, err }) => {
  expect(await runCli(argv)).toEqual({ code: 64, out: "", err: expect.stringMatching(err) as unknown });
});
