import type { OpenedBuildFiles } from "../../../../sandbox/admin/request.ts";
import type { Stage } from "../../stage/stage.ts";

export interface IdleBuild extends AsyncDisposable {
  readonly build: OpenedBuildFiles;
}

/** A build that lasts, without a session of its own. */
export async function idleBuild(stage: Stage): Promise<IdleBuild> {
  const build = await stage.openBuild();
  return {
    build,
    async [Symbol.asyncDispose]() {
      await stage.plane.endBuild(build.buildId).applied();
    },
  };
}
