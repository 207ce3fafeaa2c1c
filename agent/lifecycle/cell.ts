/**
 * A value that changes, and whose readers want the latest, not the history: the shape of level-triggered work. Setting never waits; a slow
 * reader skips what was overtaken.
 */
export class Cell<T> {
	#value: T;
	#version = 0;
	readonly #wakers = new Set<() => void>();

	constructor(value: T) {
		this.#value = value;
	}

	get(): T {
		return this.#value;
	}

	set(value: T): void {
		if (Object.is(value, this.#value)) return;
		this.#value = value;
		this.#version += 1;
		for (const wake of [...this.#wakers]) wake();
	}

	update(change: (value: T) => T): void {
		this.set(change(this.#value));
	}

	/** The present value, then the latest after each change; ends when `signal` is aborted. */
	async *values(signal: AbortSignal): AsyncGenerator<T, void, undefined> {
		let seen = -1;
		while (!signal.aborted) {
			if (seen !== this.#version) {
				seen = this.#version;
				yield this.#value;
			} else {
				await this.#change(signal);
			}
		}
	}

	/** The first value, the present one included, that `holds`; undefined when `signal` is aborted before. */
	async first<S extends T>(
		holds: (value: T) => value is S,
		signal: AbortSignal,
	): Promise<S | undefined>;
	async first(
		holds: (value: T) => boolean,
		signal: AbortSignal,
	): Promise<T | undefined>;
	async first(
		holds: (value: T) => boolean,
		signal: AbortSignal,
	): Promise<T | undefined> {
		for await (const value of this.values(signal)) {
			if (holds(value)) return value;
		}
		return undefined;
	}

	#change(signal: AbortSignal): Promise<void> {
		return new Promise((resolve) => {
			const wake = (): void => {
				this.#wakers.delete(wake);
				signal.removeEventListener("abort", wake);
				resolve();
			};
			this.#wakers.add(wake);
			signal.addEventListener("abort", wake, { once: true });
		});
	}
}
