/** Files that take bytes apart and have no row, and why: no stranger's, or judged elsewhere. */
export const NO_ROW: Readonly<Record<string, string>> = {
  "agent/adapters/bundle/secret-digests.ts": "a digest that was made a line before",
  "agent/adapters/grpc/trusted-channel.ts": "the CA file that cli/pinned-ca.ts has judged",
  "agent/adapters/grpc/why-untrusted.ts": "certificates that OpenSSL has parsed; what it throws becomes words",
  "agent/adapters/machine/versions.ts": "the package's own package.json; what it throws is no version",
  "agent/adapters/network-probe/ask-names.ts":
    "two bytes, after their number was looked at; test/network has resolvers that lie",
  "agent/adapters/tailscale/api/api-call.ts": "64 KiB of JSON at most; what is none is undefined",
  "agent/cli/bundle/collectors.ts": "the status of the agent itself; a collector that throws is told in the bundle",
  "agent/cli/bundle/secrets.ts": "files of this machine's; one that cannot be read is told in the bundle",
  "agent/cli/pinned-ca.ts": "the file that an operator names; what is no certificate is refused by name",
  "agent/gateway/first-record.ts":
    "five bytes, after their number was looked at; test/gateway has clients that dribble",
  "verifier/src/nonces/entry-folder.ts": "the verifier's own entries",
  "agent/adapters/evidence/aws/imds.ts":
    "an address of the configuration's, which config/kinds.ts has judged, and a path of our own words",
  "agent/adapters/evidence/aws/sts-caller.ts": "an address of the configuration's, or a region that imds.ts has judged",
  "agent/adapters/evidence/azure/chain-above.ts":
    "a name in a certificate, after URL.canParse; any but a few of Microsoft's is none (test/evidence)",
  "agent/adapters/evidence/azure-evidence.ts": "an address of the configuration's and a path of our own",
  "agent/adapters/evidence/gcp-evidence.ts": "an address of the configuration's and a path of our own",
  "agent/adapters/evidence/oidc-socket-evidence.ts": "an address of our own",
  "agent/adapters/evidence/oidc-url-evidence.ts": "an address of the configuration's, which config/kinds.ts has judged",
  "agent/adapters/health/routes.ts": "what somebody asks for, after URL.canParse; what is no path gets 400",
  "agent/adapters/notices/aws-session.ts": "an address of the configuration's and a path of our own",
  "agent/adapters/notices/azure-service.ts": "an address of the configuration's and a path of our own",
  "agent/adapters/notices/gcp-value.ts": "an address of the configuration's and a path of our own",
  "agent/wire/fields.ts": "shapes; those who hold them up to what came have rows",
  "agent/adapters/troubles/trouble-shape.ts": "a shape; trouble-file.ts and cli/ask-status.ts hold it up to what came",
  "agent/cli/commands/run.ts": "where our own program lies",
  "agent/cli/compose-control.ts": "where our own board listens",
  "agent/cli/config/schema.ts": "a shape; toml-file.ts reads the file",
  "agent/cli/isolation/verifier.ts": "where our own program lies",
  "sandbox/control-plane/exchange/kept.ts":
    "a shape of what the sandbox itself has kept; a file of its own, with a sum",
  "sandbox/control-plane/exchange/trust.ts": "what an operator of the sandbox has configured; judged as it is taken in",
};
