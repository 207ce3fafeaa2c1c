import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Client } from "@grpc/grpc-js";
import { buildkitClient } from "../../agent/adapters/buildkit/channel.ts";
import { readHistoryEvent } from "../../agent/adapters/buildkit/history-wire.ts";
import type { BuildkitPlaces } from "../../agent/core/buildkit-config.ts";

const SERVICE = "/moby.buildkit.v1.Control/";
const pass = (bytes: Buffer): Buffer => bytes;

/** What clients do with a history, by BuildKit's own contract. */
export class KeptHistory implements Disposable {
  readonly #client: Client;
  readonly #rootDir: string;

  constructor({ socketPath, rootDir }: Pick<BuildkitPlaces, "socketPath" | "rootDir">) {
    this.#client = buildkitClient(socketPath);
    this.#rootDir = rootDir;
  }

  /** As `buildx build --metadata-file` does once the build is over, and so Docker's action. */
  look(ref: string): Promise<readonly string[]> {
    return this.#listen(
      new BinaryWriter().tag(2, WireType.LengthDelimited).string(ref).tag(3, WireType.Varint).bool(true),
    );
  }

  refs(): Promise<readonly string[]> {
    return this.#listen(new BinaryWriter().tag(3, WireType.Varint).bool(true));
  }

  pin(ref: string): Promise<void> {
    const request = new BinaryWriter().tag(1, WireType.LengthDelimited).string(ref).tag(2, WireType.Varint).bool(true);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `${SERVICE}UpdateBuildHistory`,
        pass,
        pass,
        Buffer.from(request.finish()),
        (failure) => (failure === null ? resolve() : reject(failure)),
      );
    });
  }

  /** Logs, attestations, traces, layers that came from elsewhere: files that BuildKit has. */
  async blobs(): Promise<number> {
    const snapshotters = (await readdir(this.#rootDir)).filter((name) => name.startsWith("runc-"));
    const dirs = snapshotters.map((name) => join(this.#rootDir, name, "content", "blobs", "sha256"));
    const names = await Promise.all(dirs.map((dir) => readdir(dir).catch(() => [])));
    return names.flat().length;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #listen(request: BinaryWriter): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const refs: string[] = [];
      const call = this.#client.makeServerStreamRequest(
        `${SERVICE}ListenBuildHistory`,
        pass,
        (bytes: Buffer) => readHistoryEvent(bytes).ref,
        Buffer.from(request.finish()),
      );
      call.on("data", (ref: string) => refs.push(ref));
      call.once("end", () => resolve(refs));
      call.once("error", reject);
    });
  }
}
