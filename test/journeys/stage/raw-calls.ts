import { readFile } from "node:fs/promises";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { OpenedBuildFiles } from "../../../sandbox/admin/request.ts";

const DEADLINE_MS = 20_000;

export const CONTROL = "/moby.buildkit.v1.Control/";
export const BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/";
export const CONTENT = "/containerd.services.content.v1.Content/";

/** What came of a call: the answer's messages, or gRPC's status code and its words. */
export interface Answer {
  readonly messages: readonly Buffer[];
  readonly code: number;
  readonly details: string;
}

/** Any call of BuildKit's API, with bytes for messages: what no stock client does. */
export class RawCalls implements Disposable {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Through the gateway, with a build's certificate. */
  static async of(build: OpenedBuildFiles): Promise<RawCalls> {
    const [ca, cert, key] = await Promise.all(
      [build.caFile, build.certFile, build.keyFile].map((file) => readFile(file)),
    );
    if (ca === undefined || cert === undefined || key === undefined) throw new Error("three files");
    const address = build.endpoint.replace("tcp://", "");
    return new RawCalls(
      new Client(address, credentials.createSsl(ca, key, cert), {
        "grpc.ssl_target_name_override": build.serverName,
        "grpc.use_local_subchannel_pool": 1,
      }),
    );
  }

  /** Past the gateway: as root on the machine. */
  static direct(socketPath: string): RawCalls {
    return new RawCalls(new Client(`unix:${socketPath}`, credentials.createInsecure()));
  }

  /**
   * As a server stream, which an answer of one message is, too. `firstOnly`: ends the call after
   * one message.
   */
  call(path: string, message: Uint8Array, headers: Readonly<Record<string, string>> = {}, firstOnly = false) {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return new Promise<Answer>((resolve) => {
      const messages: Buffer[] = [];
      const call = this.#client.makeServerStreamRequest(
        path,
        (value: Uint8Array) => Buffer.from(value),
        (bytes) => bytes,
        message,
        metadata,
        { deadline: Date.now() + DEADLINE_MS },
      );
      call.on("data", (data: Buffer) => {
        messages.push(data);
        if (firstOnly) call.cancel();
      });
      call.on("error", ({ code, details }: ServiceError) => resolve({ messages, code, details }));
      call.on("end", () => resolve({ messages, code: 0, details: "" }));
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** A message of strings by their field numbers. */
export function strings(fields: Readonly<Record<number, string>>): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of Object.entries(fields)) writer.tag(Number(number), 2).string(value);
  return writer.finish();
}

/** A message, as another one's field. */
export function message(number: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, 2).bytes(bytes).finish();
}

/** The bytes of a message's fields with this number. */
export function fields(message: Uint8Array, number: number): readonly Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [at, wire] = reader.tag();
    if (at === number && wire === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(wire, at);
  }
  return found;
}
