import { expect, it } from "vitest";
import { KEYS } from "../../agent/cli/config/keys.ts";
import { load, refusal, tomlFile } from "./load.ts";

const LISTEN = '"host:port", for instance "127.0.0.1:8443" or "[::1]:8443"';
const PROXY = 'a URL without a path, for instance "http://proxy.example.com:3128", or "none"';
const NAT64 = 'an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, for instance "2001:db8:64::/96"';
const KINDS =
  'one of "auto", "aws-web-identity", "aws-caller-identity", "aws-instance-identity", "gcp", "azure", "nitro-tpm", "oidc-socket", "oidc-url", "oidc-token", "join-token"';
const AWS_METADATA =
  '"http://169.254.169.254", "http://[fd00:ec2::254]", or a URL of this machine\'s loopback without a path';
const SERVICE = 'an https URL without a path, for instance "https://sts.example.com"';
const TOKEN_URL = 'an https URL, for instance "https://platform.example.com/token"';
const ENDPOINT = '"host:port" without a scheme, for instance "control.example.com:443" or "[2001:db8::1]:443"';

it.each([
  { flag: "--gateway-listen", text: "8443", found: '"8443"', expected: LISTEN },
  { flag: "--gateway-listen", text: ":8443", found: '":8443"', expected: LISTEN },
  { flag: "--gateway-listen", text: "localhost:65536", found: '"localhost:65536"', expected: LISTEN },
  { flag: "--gateway-listen", text: "::1:8443", found: '"::1:8443"', expected: LISTEN },
  { flag: "--health-listen", text: "[127.0.0.1]:80", found: '"[127.0.0.1]:80"', expected: LISTEN },
  { flag: "--health-listen", text: "a_b:80", found: '"a_b:80"', expected: LISTEN },
  { flag: "--control-plane-endpoint", text: "https://plane:443", found: '"https://plane:443"', expected: ENDPOINT },
  { flag: "--control-plane-endpoint", text: "https://me:pass@plane", found: '"https://…@plane"', expected: ENDPOINT },
  { flag: "--control-plane-endpoint", text: "plane:0", found: '"plane:0"', expected: ENDPOINT },
  { flag: "--control-plane-ca-file", text: "ca.pem", found: '"ca.pem"', expected: "an absolute path" },
  {
    flag: "--control-plane-server-name",
    text: "a b",
    found: '"a b"',
    expected: 'a host name, for instance "control.example.com"',
  },
  { flag: "--control-plane-proxy", text: "socks5://p:1", found: '"socks5://p:1"', expected: PROXY },
  { flag: "--control-plane-proxy", text: "http://me:pass@p:1", found: '"http://…@p:1"', expected: PROXY },
  { flag: "--network-nat64-prefix", text: "2001:db8::/33", found: '"2001:db8::/33"', expected: NAT64 },
  { flag: "--identity-kind", text: "password", found: '"password"', expected: KINDS },
  { flag: "--identity-token-file", text: "jt-5f2c", found: "a text of 7 characters", expected: "an absolute path" },
  ...["http://metadata.example", "http://10.0.0.1", "https://169.254.169.254", "http://127.0.0.1.nip.io"].map(
    (text) => ({
      flag: "--identity-aws-metadata-url",
      text,
      found: JSON.stringify(text),
      expected: AWS_METADATA,
    }),
  ),
  { flag: "--identity-sts-url", text: "http://sts.example", found: '"http://sts.example"', expected: SERVICE },
  { flag: "--identity-sts-url", text: "https://s.example/x", found: '"https://s.example/x"', expected: SERVICE },
  { flag: "--identity-oidc-url", text: "http://t.example/x", found: '"http://t.example/x"', expected: TOKEN_URL },
  { flag: "--identity-oidc-url", text: "https://me:pw@t.example", found: '"https://…@t.example"', expected: TOKEN_URL },
  { flag: "--gateway-max-connections", text: "many", found: '"many"', expected: "a whole number from 1 to 65536" },
  { flag: "--gateway-max-connections", text: "0", found: "0", expected: "a whole number from 1 to 65536" },
  { flag: "--gateway-max-connections", text: "1e3", found: '"1e3"', expected: "a whole number from 1 to 65536" },
  { flag: "--gateway-max-connections", text: "", found: '""', expected: "a whole number from 1 to 65536" },
  {
    flag: "--gateway-handshake-timeout-ms",
    text: "10 sec",
    found: '"10 sec"',
    expected: 'a whole number of ms from 100 to 120000, or a time with its unit, for instance "90s" or "10m"',
  },
  {
    flag: "--drain-grace-ms",
    text: "-1",
    found: "-1",
    expected: 'a whole number of ms from 0 to 86400000, or a time with its unit, for instance "90s" or "10m"',
  },
  { flag: "--log-level", text: "trace", found: '"trace"', expected: 'one of "debug", "info", "warn", "error"' },
  {
    flag: "--buildkit-binary",
    text: "./buildkitd",
    found: '"./buildkitd"',
    expected: "an absolute path, or the bare name of a program in PATH",
  },
  {
    flag: "--paths-state-dir",
    text: "/var/../etc",
    found: '"/var/../etc"',
    expected: "a path without empty, “.” or “..” parts and without control characters",
  },
])("$flag $text: expected $expected", async ({ flag, text, found, expected }) => {
  const { problems } = await refusal(load({ flags: { [flag]: text } }));
  expect(problems).toEqual([{ key: keyOf(flag), source: { from: "flag", flag }, found, expected }]);
});

function keyOf(flag: string): string | undefined {
  return KEYS.find((key) => key.flag === flag)?.path;
}

it("counts the bytes of the longest socket under the runtime directory against the kernel's limit", async () => {
  const longest = `/xxxx${"é".repeat(37)}`;
  await expect(load({ flags: { "--paths-runtime-dir": longest } })).resolves.toBeDefined();
  const { problems } = await refusal(load({ flags: { "--paths-runtime-dir": `${longest}x` } }));
  expect(problems[0]?.expected).toBe(
    "a path of at most 79 bytes: the kernel takes at most 107 for the path of a unix socket, and the longest under this directory would have 108",
  );
});

it.each([
  {
    toml: "[gateway]\nmaxConnections = '1024'",
    key: "gateway.maxConnections",
    line: 2,
    found: '"1024"',
    expected: "a whole number from 1 to 65536",
  },
  { toml: "[gateway]\nlisten = 8443", key: "gateway.listen", line: 2, found: "8443", expected: LISTEN },
  {
    toml: "[cacheVolume]\ndevice = '/dev/nvme1n1'",
    key: "cacheVolume.device",
    line: 2,
    found: '"/dev/nvme1n1"',
    expected: 'a path in /dev/disk/by-id/, or "udev:PROPERTY=value", for instance "udev:ID_SERIAL=cache"',
  },
  {
    toml: "[cacheVolume]\nrequireEncryption = 'yes'",
    key: "cacheVolume.requireEncryption",
    line: 2,
    found: '"yes"',
    expected: "true or false",
  },
  {
    toml: "[log]\nlevel = ['info']",
    key: "log.level",
    line: 2,
    found: "a list",
    expected: 'one of "debug", "info", "warn", "error"',
  },
  {
    toml: "[log.level]",
    key: "log.level",
    line: undefined,
    found: "a table",
    expected: 'one of "debug", "info", "warn", "error"',
  },
  {
    toml: "[gateway]\nmaxConnections = nan",
    key: "gateway.maxConnections",
    line: 2,
    found: "NaN",
    expected: "a whole number from 1 to 65536",
  },
  { toml: "\nlog = 'info'", key: "log", line: 2, found: "a text of 4 characters", expected: "a section: [log]" },
  { toml: "[[log]]", key: "log", line: undefined, found: "a list", expected: "a section: [log]" },
  { toml: "[gatway]", key: "gatway", line: 1, found: "a section that does not exist", expected: "gateway" },
  {
    toml: "[gateway]\nmax_connections = 1",
    key: "gateway.max_connections",
    line: 2,
    found: "a key that does not exist",
    expected: "maxConnections",
  },
  {
    toml: "[gateway]\nlevel = 1",
    key: "gateway.level",
    line: 2,
    found: "a key that does not exist",
    expected: "log.level",
  },
  {
    toml: "[health]\nxyzzy = 1",
    key: "health.xyzzy",
    line: 2,
    found: "a key that does not exist",
    expected: "one of listen",
  },
  {
    toml: "[identity]\ntoken = 'jt-5f2c'",
    key: "identity.token",
    line: 2,
    found: "a key that does not exist",
    expected: "tokenFile",
  },
])("the file's $toml: expected $expected", async ({ toml, key, line, found, expected }) => {
  await using file = await tomlFile(toml);
  const { problems } = await refusal(load({ file: file.file }));
  const source = { from: "file", file: file.file, ...(line !== undefined && { line }) };
  expect(problems).toEqual([{ key, source, found, expected }]);
});

it.each([
  { variable: "BUILDER_AGENT_GATEWAY_LISTN", meant: "BUILDER_AGENT_GATEWAY_LISTEN" },
  { variable: "BUILDER_AGENT_LOGLEVEL", meant: "BUILDER_AGENT_LOG_LEVEL" },
])("takes $variable for a slip of the pen", async ({ variable, meant }) => {
  const { problems } = await refusal(load({ environment: { [variable]: "x" } }));
  expect(problems).toEqual([
    { key: "", source: { from: "environment", variable }, found: "a variable that names no key", expected: meant },
  ]);
});

it.each(["BUILDER_AGENT_SERVICE_HOST", "BUILDER_AGENT_PORT_8443_TCP", "BUILDER_AGENT_GATEWAY_PORT"])(
  "leaves %s alone, which Kubernetes sets",
  async (variable) => {
    await expect(load({ environment: { [variable]: "x" } })).resolves.toBeDefined();
  },
);

it.each([
  {
    flags: { "--gateway-max-connections": "10" },
    key: "gateway.maxConnectionsPerSource",
    source: { from: "default" },
    found: "256",
    expected: "no more than gateway.maxConnections, which is 10",
  },
  {
    flags: { "--gateway-max-pending-handshakes-per-source": "257" },
    key: "gateway.maxPendingHandshakesPerSource",
    source: { from: "flag", flag: "--gateway-max-pending-handshakes-per-source" },
    found: "257",
    expected: "no more than gateway.maxPendingHandshakes, which is 256",
  },
  {
    flags: { "--health-listen": "127.0.0.1:8443" },
    key: "health.listen",
    source: { from: "flag", flag: "--health-listen" },
    found: '"127.0.0.1:8443"',
    expected: "an address other than gateway.listen, which is the same",
  },
  {
    flags: { "--paths-state-dir": "/run/builder-agent/state" },
    key: "paths.stateDir",
    source: { from: "flag", flag: "--paths-state-dir" },
    found: '"/run/builder-agent/state"',
    expected: "a directory outside paths.runtimeDir (/run/builder-agent): records must outlive the machine's memory",
  },
  {
    flags: { "--paths-cache-dir": "/run/builder-agent/cache" },
    key: "paths.cacheDir",
    source: { from: "flag", flag: "--paths-cache-dir" },
    found: '"/run/builder-agent/cache"',
    expected:
      "a directory outside paths.runtimeDir (/run/builder-agent): a layer cache there would fill the machine's memory",
  },
  {
    flags: { "--identity-token-file": undefined },
    key: "identity.tokenFile",
    source: { from: "default" },
    found: "nothing",
    expected: "an absolute path, or a credential named join-token in $CREDENTIALS_DIRECTORY, which is not set",
  },
  {
    flags: { "--identity-kind": "oidc-url" },
    key: "identity.oidcUrl",
    source: { from: "default" },
    found: "nothing",
    expected: "an https URL: identity.kind is oidc-url",
  },
])("sees that $key does not go with the others", async ({ flags, ...problem }) => {
  const { problems } = await refusal(load({ flags }));
  expect(problems).toEqual([problem]);
});

it("lists every problem at once, missing keys with the ways to give them", async () => {
  await using file = await tomlFile("[log]\nlevel = 'loud'");
  const flags = { "--control-plane-endpoint": undefined, "--drain-grace-ms": "soon" };
  const { message } = await refusal(
    load({ flags, environment: { BUILDER_AGENT_HEALTH_LISTEN: "9464" }, file: file.file }),
  );
  expect(message.replaceAll(file.file, "config.toml")).toBe(
    [
      "The configuration has 4 problems:",
      `  controlPlane.endpoint (default): found nothing, expected ${ENDPOINT} (as --control-plane-endpoint, BUILDER_AGENT_CONTROL_PLANE_ENDPOINT or in the file)`,
      `  health.listen (environment BUILDER_AGENT_HEALTH_LISTEN): found "9464", expected ${LISTEN}`,
      '  drain.graceMs (flag --drain-grace-ms): found "soon", expected a whole number of ms from 0 to 86400000, or a time with its unit, for instance "90s" or "10m"',
      '  log.level (file config.toml line 2): found "loud", expected one of "debug", "info", "warn", "error"',
    ].join("\n"),
  );
});

it.each([
  {
    what: "broken TOML, without showing its text",
    content: "[identity]\ntokenFile = jt-5f2c",
    found: /^.* at column \d+$/,
    line: 2,
  },
  {
    what: "bytes that are not UTF-8",
    content: new Uint8Array([0xff, 0xfe, 0x31]),
    found: /^bytes that are not UTF-8$/,
    line: undefined,
  },
])("refuses $what", async ({ content, found, line }) => {
  await using file = await tomlFile(content);
  const { problems, message } = await refusal(load({ file: file.file }));
  expect(problems[0]?.found).toMatch(found);
  const source = { from: "file", file: file.file, ...(line !== undefined && { line }) };
  expect(problems).toMatchObject([{ key: "", source }]);
  expect(message).not.toContain("5f2c");
});

it.each([
  { file: "/nowhere/config.toml", found: "no such file" },
  { file: "/proc", found: "a directory" },
])("refuses $file as a file that was named: $found", async ({ file, found }) => {
  const { problems } = await refusal(load({ file }));
  expect(problems).toEqual([
    { key: "", source: { from: "file", file }, found, expected: "a file that this user may read" },
  ]);
});
