import { X509Certificate } from "node:crypto";
import { checkServerIdentity, createSecureContext } from "node:tls";
import { ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import { AgentError } from "../../core/errors.ts";
import { pemCertificates } from "../../core/pem.ts";
import type { Proxy } from "../../core/proxy.ts";
import type { MachineIdentity } from "../../ports/keys.ts";
import { BuilderAgentServiceClient } from "./gen/builder/agent/v1/builder_agent.ts";
import { WatchedCredentials } from "./watched-credentials.ts";

/** Where the control plane is and whom we believe that it is it. */
export interface PlaneAddress {
  /** "host:port"; IPv6 as "[::1]:443". */
  readonly endpoint: string;
  /**
   * The name that its certificate must carry, if not the endpoint's host. Give it when the endpoint
   * is an IP address.
   */
  readonly serverName?: string;
  /** Asked to lead through to the endpoint; TLS stays between this agent and the control plane. */
  readonly proxy?: Proxy;
  /** The pinned CA or CAs. The system's roots are never asked. */
  readonly caPem: string;
}

/**
 * @throws {AgentError} "control-plane.ca-unusable" if the pinned bundle holds no CA: with an empty
 * one Node would take the system's roots.
 */
export function requireCas(caPem: string): void {
  const usable = pemCertificates(caPem)?.every(isCa) ?? false;
  if (usable) return;
  throw new AgentError(
    "control-plane.ca-unusable",
    "The control plane's CA file must hold PEM certificates of CAs and nothing else",
    { retryable: false },
  );
}

function isCa(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}

/**
 * A client that has not dialled yet; with `identity`, it presents the machine's certificate. Once
 * `isClosed`, it ends every handshake: grpc-js may dial once more for a channel that was closed
 * while it waited to dial, and would leave that connection open.
 */
export function openClient(
  address: PlaneAddress,
  identity: MachineIdentity | undefined,
  isClosed: () => boolean,
): BuilderAgentServiceClient {
  const secureContext = createSecureContext({
    ca: address.caPem,
    // The pinned CA is the anchor, also where another CA has signed it.
    allowPartialTrustChain: true,
    minVersion: "TLSv1.3",
    ...(identity && { cert: identity.chainPem, key: identity.key.pem.reveal() }),
  });
  return new BuilderAgentServiceClient(
    `dns:${address.proxy === undefined ? address.endpoint : hostPort(address.proxy)}`,
    new WatchedCredentials(
      ChannelCredentials.createFromSecureContext(secureContext, {
        checkServerIdentity: (name, certificate) =>
          isClosed() ? new Error("this channel is closed") : checkServerIdentity(name, certificate),
      }),
    ),
    {
      ...CHANNEL,
      ...through(address),
      ...(address.serverName && { "grpc.ssl_target_name_override": address.serverName }),
    },
  );
}

function through({ endpoint, proxy }: PlaneAddress): ChannelOptions {
  if (proxy === undefined) return {};
  return {
    "grpc.http_connect_target": `dns:${endpoint}`,
    "grpc.default_authority": endpoint,
    ...(proxy.credentials && { "grpc.http_connect_creds": proxy.credentials.reveal() }),
  };
}

/** "proxy.example:3128", "[2001:db8::1]:3128". */
export function hostPort({ host, port }: Proxy): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * No keepalive: grpc-js loses a live call at its first transport ping after a graceful GOAWAY, and
 * the contract has heartbeats of its own. No retries, no service configuration from DNS, and no
 * proxy that grpc-js finds in the environment: which one is asked, is decided by this agent. Each
 * channel has its own connection, so that closing it closes that.
 */
const CHANNEL: ChannelOptions = {
  "grpc.max_receive_message_length": CONTRACT_LIMITS.messageBytes,
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
};
