import { expect, it } from "vitest";
import { KEYS } from "../../agent/cli/config/keys.ts";
import { describeSource } from "../../agent/cli/config/problem.ts";
import { load, REQUIRED, tomlFile } from "./load.ts";

const FLAG = { "--gateway-max-connections": "300" };
const ENVIRONMENT = { BUILDER_AGENT_GATEWAY_MAX_CONNECTIONS: "301" };
const FILE = "# limits\n[gateway]\nmaxConnections = 302\n";

const NONE = Object.fromEntries(Object.keys(REQUIRED).map((flag) => [flag, undefined]));

it.each([
  {
    given: "all three",
    flags: FLAG,
    environment: ENVIRONMENT,
    file: FILE,
    value: 300,
    source: "flag --gateway-max-connections",
  },
  {
    given: "environment and file",
    flags: {},
    environment: ENVIRONMENT,
    file: FILE,
    value: 301,
    source: "environment BUILDER_AGENT_GATEWAY_MAX_CONNECTIONS",
  },
  {
    given: "an empty variable and the file",
    flags: {},
    environment: { BUILDER_AGENT_GATEWAY_MAX_CONNECTIONS: "" },
    file: FILE,
    value: 302,
    source: "file <file> line 3",
  },
  {
    given: "a dotted key in the file",
    flags: {},
    environment: {},
    file: "gateway.maxConnections = 303",
    value: 303,
    source: "file <file> line 1",
  },
  {
    given: "a file where a line could mislead",
    flags: {},
    environment: {},
    file: `log.level = """info"""\n${FILE}`,
    value: 302,
    source: "file <file>",
  },
  { given: "nothing", flags: {}, environment: {}, file: "", value: 1024, source: "default" },
])("given $given, takes $value from $source", async ({ flags, environment, file, value, source }) => {
  await using toml = await tomlFile(file);
  const { config, sources } = await load({ flags, environment, file: toml.file });
  expect(config.gateway.maxConnections).toBe(value);
  const found = sources.get("gateway.maxConnections");
  expect(found && describeSource(found).replace(toml.file, "<file>")).toBe(source);
});

it("finds the file by BUILDER_AGENT_CONFIG, and --config before that", async () => {
  await using one = await tomlFile("log.level = 'warn'");
  await using other = await tomlFile("log.level = 'error'");
  const environment = { BUILDER_AGENT_CONFIG: one.file };
  expect((await load({ environment })).config.log.level).toBe("warn");
  expect((await load({ environment, file: other.file })).config.log.level).toBe("error");
});

it("knows where every value came from", async () => {
  const { sources } = await load();
  expect([...sources.keys()].toSorted()).toEqual(KEYS.map((key) => key.path).toSorted());
});

it("freezes the configuration all the way down", async () => {
  const { config } = await load();
  const thawed: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Object.isFrozen(value)) thawed.push(path);
    for (const [name, child] of Object.entries(value)) look(child, `${path}.${name}`);
  };
  look(config, "config");
  expect(thawed).toEqual([]);
});

it.each([
  {
    key: "identity.tokenFile",
    flags: { "--identity-token-file": undefined },
    environment: { CREDENTIALS_DIRECTORY: "/run/credentials/agent" },
    value: "/run/credentials/agent/join-token",
  },
  { key: "paths.cacheDir", flags: { "--paths-state-dir": "/srv/agent" }, environment: {}, value: "/srv/agent/cache" },
  { key: "gateway.listen", flags: { "--gateway-listen": "[::1]:0" }, environment: {}, value: { host: "::1", port: 0 } },
])("reads $key as $value", async ({ key, flags, environment, value }) => {
  const { config } = await load({ flags, environment });
  expect(config).toHaveProperty(key, value);
});

it("asks the gateway for nothing that only control needs", async () => {
  const { config } = await load({ flags: NONE }, ["gateway", "paths", "log"]);
  expect(Object.keys(config).toSorted()).toEqual(["gateway", "log", "paths"]);
});

const PLATFORMS = {
  oidcSocket: "/.fly/api",
  awsMetadataUrl: "http://169.254.169.254",
  gcpMetadataUrl: "http://metadata.google.internal",
  azureMetadataUrl: "http://169.254.169.254",
};

it.each([
  { flags: { "--identity-kind": "auto" }, identity: { kind: "auto", ...PLATFORMS } },
  {
    flags: { "--identity-kind": "aws-web-identity", "--identity-aws-metadata-url": "http://[fd00:ec2::254]" },
    identity: { kind: "aws-web-identity", ...PLATFORMS, awsMetadataUrl: "http://[fd00:ec2::254]" },
  },
  {
    flags: { "--identity-kind": "gcp", "--identity-gcp-metadata-url": "http://127.0.0.1:8080" },
    identity: { kind: "gcp", ...PLATFORMS, gcpMetadataUrl: "http://127.0.0.1:8080" },
  },
  {
    flags: { "--identity-kind": "oidc-url", "--identity-oidc-url": "https://platform.example/token?v=2" },
    identity: { kind: "oidc-url", oidcUrl: "https://platform.example/token?v=2" },
  },
  { flags: { "--identity-kind": "nitro-tpm" }, identity: { kind: "nitro-tpm", nitroTpmAttest: "nitro-tpm-attest" } },
])("gives $identity.kind what it needs, and no token file of another kind", async ({ flags, identity }) => {
  const { config } = await load({
    flags: { ...flags, "--identity-token-file": undefined },
    environment: { CREDENTIALS_DIRECTORY: "/run/credentials/agent" },
  });
  expect(config.identity).toEqual(identity);
});
