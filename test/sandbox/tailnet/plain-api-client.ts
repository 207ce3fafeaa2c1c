import type { OAuthClient } from "../../../sandbox/tailnet/api/clients.ts";
import type { Coordination, KeyOrder } from "../../../sandbox/tailnet/api/coordination.ts";

export interface Said {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Keys and nodes in memory. */
export class CoordinationInMemory implements Coordination {
  readonly orders: KeyOrder[] = [];
  readonly nodes = new Set<string>();

  async createKey(order: KeyOrder) {
    this.orders.push(order);
    return { id: `${this.orders.length}`, key: `secret-key-${this.orders.length}` };
  }

  async removeNode(nodeId: string) {
    return this.nodes.delete(nodeId);
  }
}

export async function post(url: string, body: URLSearchParams | object, token = ""): Promise<Said> {
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": isForm ? "application/x-www-form-urlencoded" : "application/json",
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
    },
    body: isForm ? body.toString() : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

export async function remove(url: string, token: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, text: await response.text() };
}

export function secretForm({ clientId, clientSecret }: OAuthClient): URLSearchParams {
  return new URLSearchParams({
    client_id: clientId,
    client_secret: clientSecret,
    grant_type: "client_credentials",
  });
}

/** A request for a key in which every part is right; spoil what the test is about. */
export function keyBody({ create = {}, ...rest }: { create?: object; [key: string]: unknown } = {}) {
  return {
    capabilities: {
      devices: { create: { reusable: false, ephemeral: true, preauthorized: true, tags: ["tag:builder"], ...create } },
    },
    expirySeconds: 300,
    description: "builder machine 7",
    ...rest,
  };
}
