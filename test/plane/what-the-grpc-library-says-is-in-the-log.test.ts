import { experimental, logVerbosity } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { logLibrary } from "../../agent/adapters/grpc/library-log.ts";
import { CollectedLog } from "../keys/collected-log.ts";

it("logs what the gRPC library would write to standard error", () => {
  const log = new CollectedLog();
  logLibrary(log);
  experimental.log(logVerbosity.ERROR, "Too many pings", 3);
  expect(log.lines).toEqual([
    expect.objectContaining({
      event: "grpc.said",
      data: { message: expect.stringMatching(/Too many pings 3$/) as string },
    }),
  ]);
});
