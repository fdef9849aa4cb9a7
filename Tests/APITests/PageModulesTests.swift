import Platform
import Testing

@testable import API

@Suite("the page's modules are one")
struct PageModulesTests {
    private func joined(_ modules: [ByteText: String]) throws(PageModules.Obstacle) -> String {
        String(decoding: try PageModules.joined("a.js", from: modules.mapValues { Array($0.utf8) }), as: UTF8.self)
    }

    @Test("what a module imports stands above it, once, and is taken by the names that it has there")
    func order() throws {
        let text = try joined([
            "a.js":
                "// first\nimport { two, Three as $3 } from './b.js';\nimport { four } from './c.js';\ntwo($3, four);\n",
            "b.js":
                "import { four } from './c.js';\nexport async function two() { return four; }\nexport class Three {}",
            "c.js": "export const four = () => 4;",
            "d.js": "nobody imports this",
        ])
        #expect(
            text == """
                const $c = (() => {
                const four = () => 4;
                return { four };
                })();
                const $b = (() => {
                const { four } = $c;
                async function two() { return four; }
                class Three {}
                return { two, Three };
                })();
                const $a = (() => {
                // first
                const { two, Three: $3 } = $b;
                const { four } = $c;
                two($3, four);

                return {  };
                })();

                """)
    }

    @Test(
        "what can't be made one is said: lines in another form, circles, modules that are not there",
        arguments: [
            (
                "import * as b from './b.js';",
                PageModules.Obstacle.unreadable(file: "a.js", line: "import * as b from './b.js';")
            ),
            ("import './b.js';", .unreadable(file: "a.js", line: "import './b.js';")),
            ("export default 1;", .unreadable(file: "a.js", line: "export default 1;")),
            ("export let changing = 1;", .unreadable(file: "a.js", line: "export let changing = 1;")),
            ("import { b } from './b.js';", .circle("a.js")),
            ("import { z } from './z.js';", .missing("z.js")),
        ])
    func obstacles(line: String, obstacle: PageModules.Obstacle) {
        #expect(throws: obstacle) {
            try joined(["a.js": line, "b.js": "import { a } from './a.js';\nexport const b = a;"])
        }
    }

    @Test("a page whose modules can't be made one has them one by one")
    func apart() {
        let files = PageFiles([("app.js", Array("import './b.js';".utf8)), ("b.js", [])])
        #expect(files["page.js"]?.bytes == Array("import './app.js';\n".utf8))
        #expect(PageFiles([("index.html", [])])["page.js"] == nil)
    }
}
