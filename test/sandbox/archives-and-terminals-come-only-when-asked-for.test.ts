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

it("opens a terminal under its grant, once", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await registered(plane);
  const machineId = plane.machines()[0]?.id ?? "";
  const terminal = plane.debug.grant(APP, { machineId, user: "ada", grantedBy: "owner" });
  const { grantId } = terminal;
  const exited = new Promise((resolve) => {
    terminal.sit({ user: "ada", columns: 100, rows: 30, show: async () => undefined, exited: resolve });
  });
  const call = agent.client.debugTerminal();
  const opened = {
    $case: "opened" as const,
    value: { grantId, columns: 0, rows: 0, resumed: false, outputFrom: 0n, inputTaken: 0n, recordingId: "" },
  };
  const heard: DebugTerminalResponse["message"][] = [];
  call.on("data", ({ message }: DebugTerminalResponse) => heard.push(message));
  call.write({ message: opened });
  await expect.poll(() => heard.map((message) => message?.$case)).toEqual(["received", "attached"]);
  expect(heard[1]).toMatchObject({ value: { user: "ada", columns: 100, rows: 30, outputReceived: 0n } });
  call.write({ message: { $case: "numberedOutput", value: { offset: 0n, data: Buffer.from("$ ") } } });
  await expect.poll(() => terminal.output()).toBe("$ ");
  await expect.poll(() => heard.at(-1)).toEqual({ $case: "received", value: { upTo: 2n } });
  await terminal.type("exit\n");
  const input = { $case: "numberedInput", value: { offset: 0n, data: Buffer.from("exit\n") } };
  await expect.poll(() => heard.at(-1)).toEqual(input);
  const exit = { exitCode: 0, signal: "", reason: "", recordingId: `rec-${grantId}`, message: "" };
  call.write({ message: { $case: "exited", value: exit } });
  await once(call, "end");
  expect(await exited).toEqual(exit);

  const again = agent.client.debugTerminal();
  again.write({ message: opened });
  const [error] = (await once(again, "error")) as [ServiceError];
  expect(error.code).toBe(status.FAILED_PRECONDITION);
});
