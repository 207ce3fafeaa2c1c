import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface KmsRequest {
  readonly target: string;
  readonly contentType: string;
  readonly authorization: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type KmsAnswer =
  | { readonly plaintext: Uint8Array; readonly keyId: string }
  | { readonly error: string; readonly status?: number; readonly message?: string }
  | "silence";

/**
 * Speaks as KMS documents it: AWS JSON 1.1, the operation in X-Amz-Target, an error's name in
 * __type. Only on loopback.
 */
export class StandInKms implements AsyncDisposable {
  readonly requests: KmsRequest[] = [];
  readonly #server: Server;
  #answers: readonly KmsAnswer[] = [];

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async listen(...answers: readonly KmsAnswer[]): Promise<StandInKms> {
    const kms = new StandInKms();
    kms.#answers = answers;
    kms.#server.listen(0, "127.0.0.1");
    await once(kms.#server, "listening");
    return kms;
  }

  get endpoint(): string {
    // A TCP server that listens has a port.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections are open now. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((err, count) => (err === null ? resolve(count) : reject(err))),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as Readonly<Record<string, unknown>>;
    const header = (name: string): string => String(request.headers[name] ?? "");
    const [target, contentType] = [header("x-amz-target"), header("content-type")];
    this.requests.push({ target, contentType, authorization: header("authorization"), body });
    const answer = this.#answers[Math.min(this.requests.length, this.#answers.length) - 1] ?? "silence";
    if (answer === "silence") return;
    response.setHeader("content-type", "application/x-amz-json-1.1");
    response.setHeader("x-amzn-requestid", "11111111-2222-3333-4444-555555555555");
    if ("error" in answer) {
      const { error, status = 400, message = "as told" } = answer;
      response.writeHead(status).end(JSON.stringify({ __type: error, message }));
      return;
    }
    const { plaintext, keyId: KeyId } = answer;
    const Plaintext = Buffer.from(plaintext).toString("base64");
    response.end(JSON.stringify({ KeyId, Plaintext, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" }));
  }
}
