import fc from "fast-check";
import { expect, it } from "vitest";
import { coalesce, nameOf, sameSource } from "./coalesce.ts";
import { sampleRequest } from "./testing/index.ts";

const requests = fc.array(
  fc.record({
    name: fc.constantFrom("a:1", "a:2", "b:1"),
    source: fc.constantFrom("one", "two", "three"),
    position: fc.integer({ min: 1, max: 1000 }),
    depth: fc.constantFrom("tag" as const, "referrers" as const, "deep" as const),
    wakesParked: fc.boolean(),
  }),
  { maxLength: 30 },
);

it("has each name once in a wave and says of each source the most that was asked", () => {
  fc.assert(
    fc.property(requests, (asked) => {
      const all = asked.map(({ name, source, ...more }) => {
        const request = sampleRequest(name, more.position, more);
        return { ...request, source: { ...request.source, registry: source } };
      });
      const waves = coalesce(all);
      for (const wave of waves) {
        const names = wave.map(nameOf);
        expect(new Set(names).size).toBe(names.length);
        expect(names).toEqual(names.toSorted());
      }
      for (const one of all) {
        const same = all.filter((each) => nameOf(each) === nameOf(one) && sameSource(each.source, one.source));
        const found = waves
          .flat()
          .filter((each) => nameOf(each) === nameOf(one) && sameSource(each.source, one.source));
        expect(found).toHaveLength(1);
        expect(found[0]?.position).toBe(Math.max(...same.map((each) => each.position)));
        expect(found[0]?.wakesParked).toBe(same.some((each) => each.wakesParked));
        expect(found[0]?.requestedAt.getTime()).toBe(Math.min(...same.map((each) => each.requestedAt.getTime())));
      }
    }),
  );
});
