import { Readable } from "node:stream";
import { bucketSequence } from "../../../agent/adapters/buildkit/bolt-file.ts";
import { readDiskUsage } from "../../../agent/adapters/buildkit/disk-usage.ts";
import { readHistoryEvent } from "../../../agent/adapters/buildkit/history-wire.ts";
import { readInUse } from "../../../agent/adapters/buildkit/in-use.ts";
import { readListWorkers, WORKERS_MAX_BYTES } from "../../../agent/adapters/buildkit/list-workers.ts";
import { DaemonOutput } from "../../../agent/adapters/buildkit/output.ts";
import { readPreparation } from "../../../agent/adapters/buildkit/preparation-file.ts";
import { readUsageBytes } from "../../../agent/adapters/buildkit/prune-wire.ts";
import { takenMetrics } from "../../../agent/adapters/buildkit/taken-metrics.ts";
import { fromToml } from "../../../agent/adapters/buildkit/toml.ts";
import { endInWords } from "../../../agent/core/last-end.ts";
import { LineCutter } from "../../../agent/core/line-cutter.ts";
import { describeExit, isFailedCall, spoken } from "../../../agent/core/unit-exit.ts";
import { BlobReader, HistoryReader } from "../../../agent/gateway/calls/told-blobs.ts";
import { CollectedLog } from "../../keys/collected-log.ts";
import { ofBytes, ofText, type Parser } from "../parser.ts";
import { boltFile, field, inFile, overfullBoltFile } from "../samples.ts";

const MESSAGE_MAX_BYTES = 4 * 1024 * 1024;
const GRPC_HEAD = [0, 0, 0, 0];

function grpc(message: Buffer): Buffer {
  const head = Buffer.from([...GRPC_HEAD, 0]);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const DESCRIPTOR = Buffer.concat([field(1, "application/vnd.oci.image.index.v1+json"), field(2, "sha256:ab")]);
const MANIFEST = JSON.stringify({
  manifests: [{ digest: "sha256:cd", mediaType: "a" }],
  config: { digest: "sha256:ef" },
});
/** grpc-js makes an answer that failed of whatever its reader throws. */
const isOfProtobuf = (failure: unknown): boolean => failure instanceof Error && !failure.message.includes("call stack");

/** What buildkitd answers, writes and leaves on disk. Builds have part in much of it. */
export const fromBuildkit: readonly Parser[] = [
  ofBytes(
    {
      name: "what was pruned",
      at: "agent/adapters/buildkit/prune-wire.ts",
      samples: [Buffer.from([0x20, 5])],
      mostBytes: MESSAGE_MAX_BYTES,
      isRefusal: isOfProtobuf,
    },
    readUsageBytes,
  ),
  ofBytes(
    {
      name: "ListWorkers' answer",
      at: "agent/adapters/buildkit/list-workers.ts",
      samples: [
        field(
          1,
          Buffer.concat([
            field(3, Buffer.concat([field(1, "amd64"), field(2, "linux")])),
            field(5, field(2, "v0.33.1")),
          ]),
        ),
      ],
      mostBytes: WORKERS_MAX_BYTES,
      troubles: ["\x0a\x00", "\x12\x00"],
      isRefusal: isOfProtobuf,
    },
    readListWorkers,
  ),
  ofBytes(
    {
      name: "DiskUsage's answer",
      at: "agent/adapters/buildkit/disk-usage.ts",
      samples: [field(1, Buffer.concat([field(1, "id"), Buffer.from([0x20, 5, 0x18, 1]), field(10, "regular")]))],
      mostBytes: MESSAGE_MAX_BYTES,
      troubles: ["\x0a\x00"],
      isRefusal: isOfProtobuf,
    },
    readDiskUsage,
  ),
  ofBytes(
    {
      name: "an event of the history",
      at: "agent/adapters/buildkit/history-wire.ts",
      samples: [field(2, Buffer.concat([field(1, "ref"), field(7, Buffer.from([0x08, 5])), Buffer.from([0x70, 1])]))],
      mostBytes: MESSAGE_MAX_BYTES,
      troubles: ["\x12\x00", "\x3a\x00"],
      isRefusal: isOfProtobuf,
    },
    readHistoryEvent,
  ),
  ofText(
    {
      name: "the page of metrics",
      at: "agent/adapters/buildkit/taken-metrics.ts",
      mostBytes: 1024 * 1024,
      samples: [
        'buildkit_builds_total{error_code="Unknown",otel="a\\"b",status="failure"} 3\nprocess_open_fds 12\n',
        'buildkit_build_duration_seconds_sum{status="success"} 1.5e+02\n# HELP a b\n',
      ],
      troubles: ["process_open_fds 12\n", 'buildkit_builds_total{status="a"} 1\n', "x{", '\\"'],
    },
    takenMetrics,
  ),
  ofBytes(
    {
      name: "buildkitd's log",
      at: ["agent/adapters/buildkit/output.ts", "agent/core/line-cutter.ts", "agent/core/unit-exit.ts"],
      samples: [
        '{"level":"info","msg":"running server","time":"2031-02-03T04:05:06Z","error":"dial tcp 10.0.0.1:443: connect: connection refused"}\n',
        "buildkitd: failed to load config\npanic: runtime error\n\ngoroutine 1 [running]:\nmain.main(0x1)\n\t/src/main.go:5 +0x1\n",
        "/moby.buildkit.v1.Control/Solve returned error: rpc error\n",
      ],
      mostBytes: 256 * 1024,
      troubles: ['{"level":"constructor","msg":"a"}\n', "a.", "/moby.buildkit.v1."],
    },
    (bytes) => {
      const output = new DaemonOutput(new CollectedLog());
      const stream = new Readable({ read: () => undefined });
      output.follow(stream);
      // Told at once, so that what is thrown is thrown here.
      stream.emit("data", bytes.toString("utf8"));
      stream.emit("end");
      return output.lastLines;
    },
  ),
  ofText({ name: "lines of another program", at: "agent/core/line-cutter.ts", samples: ["a\r\nb\n", "c"] }, (text) =>
    new LineCutter(100).push(text),
  ),
  ofText(
    {
      name: "why buildkitd ended",
      at: "agent/core/unit-exit.ts",
      samples: ["buildkitd: no space left on device", '{"msg":"a","error":"b"}'],
      mostBytes: 8_192,
    },
    (line) => {
      isFailedCall(line);
      spoken(line);
      return describeExit({ code: 1, lastLines: [line, line] });
    },
  ),
  ofText(
    {
      name: "how a process ended",
      at: "agent/core/last-end.ts",
      samples: ["exited 1", "killed SIGKILL", "signal KILL"],
    },
    endInWords,
  ),
  ofBytes(
    {
      name: "a database's counter",
      at: "agent/adapters/buildkit/bolt-file.ts",
      samples: [boltFile(), boltFile("inline")],
      troubles: [overfullBoltFile()],
      mostBytes: 256 * 1024,
    },
    (bytes) => inFile(bytes, (file) => bucketSequence(file, ["v1", "snapshots"])),
  ),
  ofBytes(
    {
      name: "the mark of a running buildkitd",
      at: "agent/adapters/buildkit/in-use.ts",
      samples: [{ startedAtMs: 1, crashesInARow: 2, bootId: "boot-1" }],
    },
    (bytes) => inFile(bytes, readInUse),
  ),
  ofBytes(
    {
      name: "how buildkitd was prepared",
      at: "agent/adapters/buildkit/preparation-file.ts",
      samples: [
        {
          schemaVersion: 1,
          preparedAtMs: 1,
          tookMs: 1,
          lastEnd: "clean",
          checked: [{ database: "a", sizeBytes: 1, state: "sound", tookMs: 1 }],
        },
      ],
    },
    (bytes) => inFile(bytes, readPreparation),
  ),
  ofText(
    {
      name: "BuildKit's configuration",
      at: "agent/adapters/buildkit/toml.ts",
      samples: ['root = "/a"\n[worker.oci]\nenabled = true\n'],
      isRefusal: (failure) => failure instanceof Error && failure.name !== "RangeError" && "line" in failure,
    },
    fromToml,
  ),
  ofBytes(
    {
      name: "history, as it passes the gateway",
      at: "agent/gateway/calls/told-blobs.ts",
      samples: [
        grpc(field(2, Buffer.concat([field(8, DESCRIPTOR), field(10, field(1, DESCRIPTOR))]))),
        grpc(Buffer.alloc(0)),
      ],
      mostBytes: 1024 * 1024,
    },
    (bytes) => inPieces(new HistoryReader(), bytes),
  ),
  ofBytes(
    {
      name: "a manifest, as it passes the gateway",
      at: "agent/gateway/calls/told-blobs.ts",
      samples: [grpc(field(2, MANIFEST)), grpc(field(2, "{"))],
      mostBytes: 1024 * 1024,
    },
    (bytes) => inPieces(new BlobReader(), bytes),
  ),
];

function inPieces(reader: HistoryReader | BlobReader, bytes: Buffer): unknown {
  const found: unknown[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) found.push(...reader.push(bytes.subarray(at, at + 16_384)));
  return found;
}
