/** Files that take bytes apart and have no row, and why: no stranger's, or judged elsewhere. */
export const NO_ROW: Readonly<Record<string, string>> = {
  "agent/adapters/bundle/secret-digests.ts": "a digest that was made a line before",
  "agent/adapters/grpc/trusted-channel.ts": "the CA file that cli/pinned-ca.ts has judged",
  "agent/adapters/grpc/why-untrusted.ts": "certificates that OpenSSL has parsed; what it throws becomes words",
  "agent/adapters/machine/versions.ts": "the package's own package.json; what it throws is no version",
  "agent/adapters/network-probe/ask-names.ts":
    "two bytes, after their number was looked at; test/network has resolvers that lie",
  "agent/adapters/network-probe/unfinished.ts": "root's own notes; one that is damaged is none",
  "agent/adapters/tailscale/api/api-call.ts": "64 KiB of JSON at most; what is none is undefined",
  "agent/cli/bundle/collectors.ts": "the status of the agent itself; a collector that throws is told in the bundle",
  "agent/cli/bundle/secrets.ts": "files of this machine's; one that cannot be read is told in the bundle",
  "agent/cli/pinned-ca.ts": "the file that an operator names; what is no certificate is refused by name",
  "agent/gateway/first-record.ts":
    "five bytes, after their number was looked at; test/gateway has clients that dribble",
  "verifier/src/nonces/entry-folder.ts": "the verifier's own entries",
};
