/** What the machine is: read once for registration. */
export interface MachineFacts {
	readonly bootId: string;
	readonly hostname: string;
	/** As Go names it: "amd64", "arm64". */
	readonly architecture: string;
	readonly kernel: string;
	readonly os: string;
	readonly cpuCount: number;
	readonly cpuModel: string;
	readonly memoryBytes: number;
	readonly platform: string;
	readonly blockDevices: readonly BlockDevice[];
}

export interface BlockDevice {
	readonly path: string;
	readonly sizeBytes: number;
	readonly model: string;
	readonly serial: string;
}

export interface Versions {
	readonly agent: string;
	readonly node: string;
	readonly buildkit: string;
	readonly contract: string;
}

/** What is read often. */
export interface Resources {
	readonly memoryAvailableBytes: number;
	readonly load1m: number;
	readonly cacheSizeBytes: number;
	readonly cacheFreeBytes: number;
}
