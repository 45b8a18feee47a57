import { expect, test } from "vitest";
import { Queue } from "./queue.js";

test("gives everything back in its order, also when it has grown long", () => {
  const queue = new Queue([0, 1]);
  for (let item = 2; item < 10_000; item += 1) queue.put(item);
  const taken: number[] = [];
  for (let item = queue.take(); item !== undefined; item = queue.take()) {
    taken.push(item);
    if (item === 5000) queue.put(10_000);
  }
  expect(taken).toEqual(Array.from({ length: 10_001 }, (_, index) => index));
  expect(queue.length).toBe(0);
});
