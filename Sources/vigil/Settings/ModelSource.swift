import API
import CResources
import Platform
import Tensors
import VadCLIP

/// The model that a command works with: a file, or the one that is compiled in.
enum ModelSource {
    /// Loads what a setting names, or the embedded model, and runs its self-test.
    static func load(_ argument: ModelArgument?, kernels: Kernels) throws -> Model {
        try load(path: argument?.path, kernels: kernels)
    }

    /// Loads the model at `path`, or the embedded one, and runs its self-test.
    ///
    /// - Parameters:
    ///   - isSettled: whether its digest is to be known, and of what was loaded: not of a file that is being written
    ///   - copies: a folder by whose disk the model is made independent of its file; nil to use that as it is
    static func load(
        path: String?, kernels: Kernels, isSettled: Bool = false, copies: String? = nil
    ) throws -> Model {
        let file = try path.map { try MappedFile(path: $0) } ?? Resources.demoModel
        if let copies {
            // Where there is no room it is used as it is; but what is being written is not even looked at, which could end
            // the process.
            do throws(FileError) { try file.isolate(in: copies) } catch {
                guard file.isUnchanged else { throw isBeingWritten(file) }
            }
        }
        let model = try named(file) { () throws(ModelError) in
            let (model, selfTest) = try ModelFile.load(file, kernels: kernels)
            try selfTest.run(on: model)
            return model
        }
        guard isSettled else { return model }
        _ = model.info.sha256
        guard file.isUnchanged else {
            throw isBeingWritten(file)
        }
        return model
    }

    private static func isBeingWritten(_ file: MappedFile) -> Failure {
        Failure(.badData, "\(file.path): it was written to while it was read")
    }

    /// Does what reads a model file; whatever is wrong with the file is told with its path.
    static func named<Result>(_ file: MappedFile, _ read: () throws(ModelError) -> Result) throws(Failure) -> Result {
        do throws(ModelError) { return try read() } catch {
            let text = error.description
            throw Failure(.badData, text.hasPrefix(file.path) ? text : "\(file.path): \(text)")
        }
    }
}

/// Files that are compiled into the program.
enum Resources {
    /// The embedded demo model: a tiny one, trained on the made-up scenes of vigil scenes by deploy/demo/train.sh.
    static var demoModel: MappedFile {
        MappedFile(staticBytes: vigil_demo_model(), count: vigil_demo_model_size(), name: "the embedded demo model")
    }

    /// openapi.yaml.
    static var openAPI: [UInt8] {
        Array(UnsafeBufferPointer(start: vigil_openapi(), count: vigil_openapi_size()))
    }

    /// The web page.
    static var page: PageFiles {
        let files = UnsafeBufferPointer(start: vigil_page_files(), count: vigil_page_file_count())
        return PageFiles(
            files.map { file in
                (String(cString: file.name), Array(UnsafeBufferPointer(start: file.bytes, count: file.size)))
            })
    }
}
