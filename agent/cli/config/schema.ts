import { longestSocketBytes, SOCKET_PATH_MAX_BYTES } from "../layout.ts";
import type { Section } from "./kind.ts";
import {
  absolutePath,
  deviceName,
  endpoint,
  hostName,
  listenAddress,
  loopbackOrNone,
  metadataAddress,
  milliseconds,
  nat64Prefix,
  oneOf,
  otlpEndpoint,
  program,
  proxyAddress,
  serviceAddress,
  tokenAddress,
  trueOrFalse,
  webAddress,
  wholeNumber,
} from "./kinds.ts";

const IDENTITY_KINDS = [
  "auto",
  "aws-web-identity",
  "aws-caller-identity",
  "aws-instance-identity",
  "gcp",
  "azure",
  "nitro-tpm",
  "oidc-socket",
  "oidc-url",
  "oidc-token",
  "join-token",
] as const;

/**
 * Every key of the configuration, in the sections of the TOML file. Flags, environment variables,
 * the JSON Schema and the README's table are derived from it. `x-default` tells a default that
 * depends on other values; `x-sensitive` marks a key whose wrong value is never shown, because
 * people paste the secret itself where its file's path belongs.
 */
export const CONFIG_SCHEMA = {
  controlPlane: {
    endpoint: endpoint().meta({ description: "The control plane's gRPC address." }),
    caFile: absolutePath().meta({
      description:
        "PEM file with the only CA that the control plane's certificate may chain to; a root or an intermediate.",
    }),
    proxy: proxyAddress().optional().meta({
      description: 'The HTTP proxy that leads to the control plane by CONNECT; "none" goes straight there.',
      "x-default": "$https_proxy or $HTTPS_PROXY, but for what $no_proxy or $NO_PROXY names",
    }),
    serverName: hostName()
      .optional()
      .meta({ description: "The name in the control plane's certificate.", "x-default": "the endpoint's host" }),
  },
  identity: {
    kind: oneOf(IDENTITY_KINDS).meta({ description: "How this machine proves which VM it is: docs/identity.md." }),
    tokenFile: absolutePath().optional().meta({
      description:
        "File with the join token, the OIDC token, or what lets the agent ask identity.oidcUrl; read anew for each registration.",
      "x-default": "$CREDENTIALS_DIRECTORY/<identity.kind>; none for oidc-url",
      "x-sensitive": true,
    }),
    oidcUrl: tokenAddress().optional().meta({
      description: "Where oidc-url gets its token: by GET, with the parameter audience added.",
      "x-default": "none; oidc-url needs one",
    }),
    oidcSocket: absolutePath()
      .default("/.fly/api")
      .meta({ description: "The unix socket where oidc-socket gets its token, as Fly.io has it." }),
    awsMetadataUrl: metadataAddress("http://169.254.169.254", "http://[fd00:ec2::254]").meta({
      description: "EC2's instance metadata service; IMDSv2 only.",
    }),
    stsUrl: serviceAddress().optional().meta({
      description: "AWS STS for aws-web-identity, for instance a VPC endpoint.",
      "x-default": "that of the instance's region",
    }),
    gcpMetadataUrl: metadataAddress("http://metadata.google.internal", "http://169.254.169.254").meta({
      description: "Google's metadata server.",
    }),
    azureMetadataUrl: metadataAddress("http://169.254.169.254").meta({
      description: "Azure's instance metadata service.",
    }),
    azureCertificatesUrl: loopbackOrNone().optional().meta({
      description:
        "Where the certificates above the signer of Azure's document are asked: a stand-in on this machine's loopback; \"none\" asks nobody.",
      "x-default": "www.microsoft.com and cacerts.digicert.com, as the certificates name them",
    }),
    nitroTpmAttest: program()
      .default("nitro-tpm-attest")
      .meta({ description: "What gets nitro-tpm its document from the NitroTPM." }),
  },
  gateway: {
    listen: listenAddress()
      .default("127.0.0.1:8443")
      .meta({ description: "Where build clients connect; ignored when the service manager hands over a socket." }),
    maxConnections: wholeNumber(1, 65_536).default(1024).meta({ description: "Open connections in all." }),
    maxConnectionsPerSource: wholeNumber(1, 65_536)
      .default(256)
      .meta({ description: "Open connections of one address." }),
    maxPendingHandshakes: wholeNumber(1, 65_536).default(256).meta({ description: "TLS handshakes under way in all." }),
    maxPendingHandshakesPerSource: wholeNumber(1, 65_536)
      .default(128)
      .meta({ description: "TLS handshakes under way of one address." }),
    handshakeTimeoutMs: milliseconds(100, 120_000)
      .default(10_000)
      .meta({ description: 'Milliseconds, or a time such as "10s", that a TLS handshake may take.' }),
    maxSessionsPerBuildPerMinute: wholeNumber(1, 1_000_000)
      .default(300)
      .meta({ description: "Sessions that one build may open within a minute." }),
    calls: oneOf(["judged", "any"]).default("judged").meta({
      description:
        'Whether a build may call of BuildKit only what is its own. With "any" it reaches the secrets of every other build on the machine.',
    }),
  },
  health: {
    listen: listenAddress()
      .default("127.0.0.1:9464")
      .meta({ description: "Where /livez, /readyz, /status and /metrics are served, in plain HTTP." }),
  },
  paths: {
    stateDir: absolutePath()
      .default("/var/lib/builder-agent")
      .meta({ description: "What survives a restart of the machine: records that wait for the control plane." }),
    runtimeDir: absolutePath()
      .that((path) => longestSocketBytes(path) <= SOCKET_PATH_MAX_BYTES, shorterPath)
      .default("/run/builder-agent")
      .meta({ description: "Sockets, and on tmpfs the machine's identity; lost with the machine." }),
    cacheDir: absolutePath().optional().meta({
      description: "The cache: BuildKit's root lies in it; an encrypted volume is mounted here.",
      "x-default": "<paths.stateDir>/cache",
    }),
  },
  cacheVolume: {
    device: deviceName().optional().meta({
      description: "The block device of the encrypted cache, where the control plane does not name one.",
      "x-default": "a plain directory, not encrypted",
    }),
    filesystem: oneOf(["ext4", "xfs"])
      .default("ext4")
      .meta({ description: "What a new cache volume is formatted with, where the control plane does not say." }),
    requireEncryption: trueOrFalse()
      .default(false)
      .meta({ description: "Whether the agent stays unready while the cache is not encrypted; the image sets true." }),
  },
  buildkit: {
    binary: program().default("buildkitd").meta({ description: "The BuildKit daemon." }),
    bbolt: program().default("bbolt").meta({ description: "What checks BuildKit's databases after an unclean end." }),
    runc: program().default("runc").meta({ description: "The OCI runtime that BuildKit runs build steps with." }),
    cniBinaryDir: absolutePath()
      .default("/usr/lib/cni")
      .meta({ description: "Directory of the CNI plugins that make a build step's network." }),
    debugSocket: trueOrFalse().default(true).meta({
      description:
        "Whether buildkitd serves its debug pages on a socket for root alone: /metrics then has BuildKit's own, a bundle its goroutines. No other page of it is passed on.",
    }),
  },
  network: {
    mode: oneOf(["bridge", "none"]).default("bridge").meta({
      description: "Whether builds, and BuildKit for them, get a guarded network, or a loopback and nothing else.",
    }),
    nat64Prefix: nat64Prefix().optional().meta({
      description:
        "The prefix of this network's NAT64 gateway, closed to builds: what is private or secret is in it, too.",
      "x-default": "only NAT64's well-known and local prefixes are guarded",
    }),
    probeTarget: endpoint().optional().meta({
      description: "What every build must reach; tried from inside a build's network together with what it must not.",
      "x-default": "nothing of the kind is tried",
    }),
  },
  tailnet: {
    binary: program()
      .default("tailscaled")
      .meta({ description: "The Tailscale daemon; without it this machine can be a node of no tailnet." }),
    tun: oneOf(["tailscale0", "userspace-networking"]).default("tailscale0").meta({
      description: "The tailnet's network device; userspace-networking makes none, and builds reach nothing.",
    }),
    port: wholeNumber(0, 65_535).default(41_641).meta({ description: "UDP port for other nodes; 0 is any free one." }),
    coordinationUrl: webAddress()
      .default("https://controlplane.tailscale.com")
      .meta({ description: "The coordination server, where the control plane does not name one." }),
    apiUrl: webAddress()
      .default("https://api.tailscale.com")
      .meta({ description: "The tailnet's API, where the control plane does not name one." }),
    identityTokenFile: absolutePath().optional().meta({
      description: "File with the OIDC token that is exchanged for a tailnet's credentials; read anew each time.",
      "x-default": "identity.tokenFile, where identity.kind is oidc-token",
      "x-sensitive": true,
    }),
  },
  services: {
    manager: oneOf(["launcher", "systemd"])
      .default("launcher")
      .meta({ description: "Who starts and stops BuildKit and the cache volume; the units set systemd." }),
  },
  debugTerminal: {
    root: trueOrFalse()
      .default(false)
      .meta({ description: "Whether a debug grant may give a shell as root; without, only one without privilege." }),
  },
  telemetry: {
    otlpEndpoint: otlpEndpoint().optional().meta({
      description:
        'Where spans are sent, by OTLP over HTTP: the base, to which /v1/traces is added. "none" sends none, whatever the control plane orders.',
      "x-default": "where the control plane orders it; nowhere, if it does not",
    }),
    headersFile: absolutePath().optional().meta({
      description: "File with headers for the endpoint, Name: value, a line each; read anew for each export.",
      "x-default": "none",
      "x-sensitive": true,
    }),
    caFile: absolutePath().optional().meta({
      description: "PEM file with the only CAs that the endpoint's certificate may chain to.",
      "x-default": "those that Node.js brings",
    }),
    sessionPercent: wholeNumber(0, 100).default(100).meta({
      description: "Of how many builds in a hundred the sessions are sent; starts and reconciliations always are.",
    }),
  },
  drain: {
    graceMs: milliseconds(0, 86_400_000).default(600_000).meta({
      description:
        'Milliseconds, or a time such as "10m", that open builds may take to finish once the agent is told to stop.',
    }),
    stopGraceMs: milliseconds(0, 600_000).default(10_000).meta({
      description: 'Milliseconds, or a time such as "10s", that buildkitd may take to stop before it is killed.',
    }),
  },
  notices: {
    platform: oneOf(["auto", "off", "aws", "gcp", "azure"]).default("auto").meta({
      description:
        "Which platform is asked whether it is about to end this machine. auto: the one that identity.kind proves itself by, and for identity.kind auto whichever answers; for a token none.",
    }),
  },
  log: {
    level: oneOf(["debug", "info", "warn", "error"])
      .default("info")
      .meta({ description: "The least severe log lines that are written; debug adds stack traces." }),
    format: oneOf(["auto", "json", "pretty"])
      .default("auto")
      .meta({ description: "What the log is written as; auto is pretty on a terminal, and JSON for everything else." }),
  },
} satisfies Readonly<Record<string, Section>>;

function shorterPath(path: string): string {
  const needed = longestSocketBytes(path);
  const room = SOCKET_PATH_MAX_BYTES - (needed - Buffer.byteLength(path));
  return `a path of at most ${room} bytes: the kernel takes at most ${SOCKET_PATH_MAX_BYTES} for the path of a unix socket, and the longest under this directory would have ${needed}`;
}
