import { expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { keyOf, servingCertificate } from "./stage/serving-certificate.ts";
import { sharedStage } from "./stage/shared-stage.ts";

const stage = sharedStage();

it("ends its sessions, comes back where clients look for it, and lets the next build in; the record tells", async () => {
  const { log } = stage();
  const [build, visitor] = [await stage().openBuild(), await stage().openBuild()];
  await using held = await stage().holdBuild(build);
  const { machineId: _, ...before } = {
    machineId: stage().machine.id,
    port: await stage().port(),
    buildkitd: await stage().pid("buildkitd"),
  };
  const oldKey = keyOf(await servingCertificate(visitor));

  const certified = log.next("serving.certified");
  const applied = log.next("policy.applied");
  await stage().kill("gateway");
  expect((await held.client.ended).exitCode).not.toBe(0);
  await held.stepGone();
  await Promise.all([certified, applied]);

  const [record] = await stage().untilRecords(build);
  expect(record?.ending).toBe(SessionEnding.GATEWAY_LOST);
  expect(keyOf(await servingCertificate(visitor))).not.toBe(oldKey);
  await using next = await stage().holdBuild(await stage().openBuild());
  await next.finish();
  expect({ port: await stage().port(), buildkitd: await stage().pid("buildkitd") }).toEqual(before);
  const { body } = await stage().health("/metrics");
  expect(body).toContain('builder_agent_restarts_total{process="gateway"} 1\n');
  expect(body).toMatch(/builder_agent_sessions_closed_total\{ending="gateway-lost"\} [1-9]/);
});
