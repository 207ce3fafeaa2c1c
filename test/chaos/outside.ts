import { Way } from "../journeys/recovery/stage/way.ts";
import { NoticeStage } from "../notices/stage.ts";

/** What a machine has around it: the way to its control plane, and the platform that it runs on. */
export class Outside implements AsyncDisposable {
  readonly way: Way;
  readonly platform: NoticeStage;

  private constructor(way: Way, platform: NoticeStage) {
    this.way = way;
    this.platform = platform;
  }

  static async open(): Promise<Outside> {
    return new Outside(await Way.open(), await NoticeStage.open());
  }

  /** Of this machine's loopback: whom the agent reaches. */
  get ports(): readonly number[] {
    return [this.way.endpoint, ...Object.values(this.platform.places)].map((at) => Number(at.split(":").at(-1)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.way[Symbol.asyncDispose]();
    await this.platform[Symbol.asyncDispose]();
  }
}
