/**
 * One start of the control process, as long as it lives. A process that is killed takes nothing
 * with it: its calls are not answered any more, and what it would still do reaches nobody.
 */
export class Life {
  isAlive = true;
  readonly number: number;
  readonly #onEnd: (() => void)[] = [];

  constructor(number: number) {
    this.number = number;
  }

  /** Called once, when the process is gone. */
  onEnd(act: () => void): void {
    this.#onEnd.push(act);
  }

  end(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const act of this.#onEnd.splice(0)) act();
  }

  never<T>(): Promise<T> {
    return new Promise<T>(() => undefined);
  }

  /** What a call resolves to, as long as somebody is there to hear it. */
  async answer<T>(result: Promise<T>): Promise<T> {
    const ended = await result.then(
      (value) => () => value,
      (failure: unknown) => () => {
        throw failure;
      },
    );
    if (!this.isAlive) await this.never<T>();
    return ended();
  }
}

type Call = (...given: unknown[]) => unknown;

/** The same port, which answers only while `life` lasts. */
export function mortal<T extends object>(port: T, life: Life): T {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...given: unknown[]): unknown => {
        if (!life.isAlive) return life.never();
        const result = Reflect.apply(member as Call, target, given);
        return result instanceof Promise ? life.answer(result) : result;
      };
    },
  });
}
