import { createHash } from "node:crypto";
import { once } from "node:events";
import { type ServiceError, status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import type {
  DebugTerminalResponse,
  UploadDiagnosticsRequest,
  UploadDiagnosticsResponse,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/streams.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { APP, type PlainAgent, refusal, registered } from "./plain-agent.ts";

const inAMinute = (): Date => new Date(Date.now() + 60_000);

function upload(
  agent: PlainAgent,
  messages: UploadDiagnosticsRequest["message"][],
): Promise<UploadDiagnosticsResponse> {
  return new Promise((resolve, reject) => {
    const call = agent.client.uploadDiagnostics((error: ServiceError | null, response?: UploadDiagnosticsResponse) =>
      response === undefined ? reject(error ?? new Error("no answer")) : resolve(response),
    );
    for (const message of messages) call.write({ message });
    call.end();
  });
}

const header = (requestId: string) => ({
  $case: "header" as const,
  value: { requestId, mediaType: "application/x-tar+gzip" },
});
const chunk = (bytes: Uint8Array) => ({ $case: "chunk" as const, value: bytes });

it("stores an archive that was asked for, and tells its digest", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await registered(plane);
  plane.wish(APP, { diagnosticsRequests: [{ requestId: "r-1", expiresAt: inAMinute() }] });
  const parts = [new Uint8Array(200_000).fill(1), new Uint8Array(10).fill(2)];
  const { sha256 } = await upload(agent, [header("r-1"), ...parts.map(chunk)]);
  expect(sha256).toEqual(createHash("sha256").update(Buffer.concat(parts)).digest());
  expect(plane.archives()).toMatchObject([{ requestId: "r-1", machineId: plane.machines()[0]?.id }]);
});

it.each([
  { what: "nobody asked for", messages: [header("r-2")], code: status.FAILED_PRECONDITION },
  { what: "was asked for long ago", messages: [header("old")], code: status.FAILED_PRECONDITION },
  { what: "does not say what it is", messages: [chunk(new Uint8Array(3))], code: status.INVALID_ARGUMENT },
  { what: "says nothing", messages: [], code: status.INVALID_ARGUMENT },
  {
    what: "comes in too large a part",
    messages: [header("r-1"), chunk(new Uint8Array(300_000))],
    code: status.RESOURCE_EXHAUSTED,
  },
])("refuses an archive that $what", async ({ messages, code }) => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await registered(plane);
  plane.wish(APP, {
    diagnosticsRequests: [
      { requestId: "r-1", expiresAt: inAMinute() },
      { requestId: "old", expiresAt: new Date(0) },
    ],
  });
  expect((await refusal(upload(agent, messages))).code).toBe(code);
  expect(plane.archives()).toEqual([]);
});

it("opens a terminal under its grant, once, and takes its recording", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await registered(plane);
  const grant = { grantId: "g", user: "ada", grantedBy: "owner", startBefore: inAMinute(), endsAt: inAMinute() };
  plane.wish(APP, { debugGrants: [grant] });
  const call = agent.client.debugTerminal();
  const opened = { $case: "opened" as const, value: { grantId: "g", columns: 80, rows: 24 } };
  call.write({ message: opened });
  call.write({ message: { $case: "output", value: Buffer.from("$ ") } });
  await expect.poll(() => plane.terminals()[0]?.output()).toBe("$ ");
  plane.terminals()[0]?.type("exit\n");
  const [typed] = (await once(call, "data")) as [DebugTerminalResponse];
  expect(typed.message).toEqual({ $case: "input", value: Buffer.from("exit\n") });
  call.write({ message: { $case: "exited", value: { exitCode: 0, signal: "", reason: "", recordingId: "rec-1" } } });
  call.end();
  await once(call, "end");
  expect(plane.terminals()[0]?.exited()?.recordingId).toBe("rec-1");
  await upload(agent, [header("rec-1"), chunk(new Uint8Array(1))]);
  expect((await refusal(upload(agent, [header("rec-1")]))).code).toBe(status.FAILED_PRECONDITION);

  const again = agent.client.debugTerminal();
  again.write({ message: opened });
  const [error] = (await once(again, "error")) as [ServiceError];
  expect(error.code).toBe(status.FAILED_PRECONDITION);
});
