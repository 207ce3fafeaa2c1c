import { type handleBidiStreamingCall, Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  type AttachRequest,
  type AttachResponse,
  BuilderAgentServiceService,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";

export type ServerStream = ServerDuplexStream<AttachRequest, AttachResponse>;

/**
 * A gRPC server whose Attach does what a test says, to play a far end that is no good control
 * plane.
 */
export class BareServer implements AsyncDisposable {
  readonly serverName = "bare.example";
  readonly caPem: string;
  readonly endpoint: string;
  readonly #server: Server;

  private constructor(server: Server, port: number, caPem: string) {
    this.#server = server;
    this.endpoint = `127.0.0.1:${port}`;
    this.caPem = caPem;
  }

  static async listen(attach: (stream: ServerStream) => void): Promise<BareServer> {
    const authority = await CertificateAuthority.create({ name: "bare" });
    const own = await authority.issue({ dnsSans: ["bare.example"], extendedKeyUsage: [SERVER_AUTH] });
    const server = new Server();
    const handler: handleBidiStreamingCall<AttachRequest, AttachResponse> = attach;
    server.addService({ attach: BuilderAgentServiceService.attach }, { attach: handler });
    const pair = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.chainPem) };
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(null, [pair], false), (failure, bound) =>
        failure === null ? resolve(bound) : reject(failure),
      );
    });
    return new BareServer(server, port, authority.certPem);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}
