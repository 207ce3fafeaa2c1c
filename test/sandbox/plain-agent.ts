import { createHmac } from "node:crypto";
import { once } from "node:events";
import { type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import {
  type AttachRequest,
  type AttachResponse,
  BuilderAgentServiceClient,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import type {
  GetChallengeResponse,
  MachineFacts,
  RegisterRequest,
  RegisterResponse,
  RenewCertificatesRequest,
  RenewCertificatesResponse,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../sandbox/pki/signing-request.ts";

export const APP = { org: "acme", project: "app" } as const;

export interface ClientCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

/** A gRPC client of the contract with nothing of the agent in it. */
export class PlainAgent implements Disposable {
  readonly client: BuilderAgentServiceClient;

  constructor(plane: Pick<EmbeddedControlPlane, "caPem" | "endpoint" | "serverName">, certificate?: ClientCertificate) {
    const ca = Buffer.from(plane.caPem);
    const tls =
      certificate === undefined
        ? credentials.createSsl(ca)
        : credentials.createSsl(ca, Buffer.from(certificate.keyPem), Buffer.from(certificate.chainPem));
    this.client = new BuilderAgentServiceClient(plane.endpoint, tls, {
      "grpc.ssl_target_name_override": plane.serverName,
      // Its own connection, not one that another client of this process has opened.
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  [Symbol.dispose](): void {
    this.client.close();
  }

  challenge(): Promise<GetChallengeResponse> {
    return call((answer) => this.client.getChallenge({}, answer));
  }

  register(request: RegisterRequest): Promise<RegisterResponse> {
    return call((answer) => this.client.register(request, answer));
  }

  renew(request: RenewCertificatesRequest): Promise<RenewCertificatesResponse> {
    return call((answer) => this.client.renewCertificates(request, answer));
  }

  attach(): PlainStream {
    return new PlainStream(this.client.attach());
  }
}

/** One Attach, whose messages can be awaited one by one. */
export class PlainStream {
  readonly #received: AttachResponse[] = [];
  #ended: ServiceError | "in good order" | undefined;
  #wake: () => void = () => undefined;
  readonly call: ClientDuplexStream<AttachRequest, AttachResponse>;

  constructor(call: ClientDuplexStream<AttachRequest, AttachResponse>) {
    this.call = call;
    call.on("data", (response: AttachResponse) => {
      this.#received.push(response);
      this.#wake();
    });
    call.on("error", (error: ServiceError) => this.#end(error));
    call.on("end", () => this.#end("in good order"));
  }

  send(message: AttachRequest["message"]): void {
    this.call.write({ message });
  }

  hello(bootId = "boot-1"): void {
    const value = { bootId, runId: "run", capabilities: ["builds"], lastAppliedRevision: 0n, versions: undefined };
    this.send({ $case: "hello", value });
  }

  /** The next message. @throws {ServiceError} when the stream has ended instead. */
  async next(): Promise<NonNullable<AttachResponse["message"]>> {
    for (;;) {
      const first = this.#received.shift();
      if (first?.message !== undefined) return first.message;
      if (this.#ended !== undefined)
        throw this.#ended === "in good order" ? new Error("ended in good order") : this.#ended;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The next desired state, whatever else comes before it. */
  async desired() {
    for (;;) {
      const message = await this.next();
      if (message.$case === "desired") return message.value;
    }
  }

  async ack() {
    for (;;) {
      const message = await this.next();
      if (message.$case === "recordsAck") return message.value;
    }
  }

  /** How it ended: the status and its words. */
  async ending(): Promise<ServiceError> {
    for (;;) {
      try {
        await this.next();
      } catch (error) {
        return error as ServiceError;
      }
    }
  }

  async hangUp(): Promise<void> {
    this.call.end();
    if (this.#ended === undefined) await once(this.call, "status");
  }

  #end(how: ServiceError | "in good order"): void {
    this.#ended ??= how;
    this.#wake();
  }
}

export const FACTS: MachineFacts = {
  bootId: "boot-1",
  hostname: "plain",
  architecture: "amd64",
  kernel: "6.1",
  os: "Debian 12",
  cpuCount: 2,
  cpuModel: "",
  memoryBytes: 1n,
  platform: "",
  blockDevices: [],
};

/** A registration with a join token in which every part is right; spoil what the test is about. */
export async function joinRequest(
  agent: PlainAgent,
  token: string,
): Promise<{ readonly request: RegisterRequest; readonly key: KeyPair }> {
  const { nonce } = await agent.challenge();
  const key = await KeyPair.generate();
  const request: RegisterRequest = {
    nonce,
    attestation: { evidence: { $case: "joinToken", value: { token, binding: bind(token, nonce, key) } } },
    machineCsr: await makeSigningRequest(key, "machine"),
    servingCsr: await makeSigningRequest(await KeyPair.generate(), "gateway"),
    facts: FACTS,
    versions: undefined,
  };
  return { request, key };
}

/** The contract's HMAC. */
export function bind(token: string, nonce: Uint8Array, key: KeyPair): Uint8Array {
  return createHmac("sha256", token)
    .update("builder-agent join v1\0")
    .update(nonce)
    .update(Buffer.from(key.spkiSha256, "hex"))
    .digest();
}

/** Registers a machine of acme/app, and connects under its certificate. */
export async function registered(plane: EmbeddedControlPlane, bootId = "boot-1"): Promise<PlainAgent> {
  using stranger = new PlainAgent(plane);
  const { request, key } = await joinRequest(stranger, plane.issueJoinToken(APP));
  const response = await stranger.register({ ...request, facts: { ...FACTS, bootId } });
  return new PlainAgent(plane, { chainPem: response.machineCertificateChain, keyPem: key.privateKeyPem });
}

/** How a call failed. */
export async function refusal(call: Promise<unknown>): Promise<ServiceError> {
  const answer = await call.then(
    () => undefined,
    (error: unknown) => error as ServiceError,
  );
  if (answer === undefined) throw new Error("The call was expected to fail.");
  return answer;
}

function call<T>(start: (answer: (error: ServiceError | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) =>
      error === null && value !== undefined ? resolve(value) : reject(error ?? new Error("no value")),
    );
  });
}
