/// A format that features are not read from: what it is, and how to have features of it that are.
public struct ForeignFormat: Equatable, Sendable {
    /// What a file of it is, with its article.
    public let name: String
    /// What to do with one that should be features.
    public let advice: String

    private init(_ name: String, _ advice: String) {
        self.name = name
        self.advice = advice
    }

    static let hdf5 = ForeignFormat("an HDF5 file", inPython("h5py.File(FILE)['features'][()]"))
    package static let matlab = ForeignFormat("a MATLAB file", inPython("scipy.io.loadmat(FILE)['features']"))
    static let newMatlab = ForeignFormat(
        "a MATLAB 7.3 file, which is HDF5", inPython("h5py.File(FILE)['features'][()].T"))
    static let netCDF = ForeignFormat("a NetCDF file", inPython("netCDF4.Dataset(FILE)['features'][:]"))
    static let parquet = ForeignFormat("a Parquet file", inPython("pandas.read_parquet(FILE).to_numpy('float32')"))
    static let feather = ForeignFormat("a Feather file", inPython("pandas.read_feather(FILE).to_numpy('float32')"))
    static let arrow = ForeignFormat("an Arrow file", inPython("pandas.read_feather(FILE).to_numpy('float32')"))
    static let arrowStream = ForeignFormat(
        "an Arrow stream", inPython("pyarrow.ipc.open_stream(FILE).read_pandas().to_numpy('float32')"))
    package static let table = ForeignFormat(
        "a table in text (CSV)", inPython("numpy.loadtxt(FILE, delimiter=',', dtype='float32')"))
    static let text = ForeignFormat("a text", "features are an .npy, .npz or safetensors file, JSON, or float32 rows")
    static let pickle = ForeignFormat(
        "a Python pickle, which is never loaded here because loading can run what is in it",
        "load it in Python and write its array by numpy.save")
    static let messagePack = ForeignFormat(
        "a MessagePack file", inPython("msgpack.unpackb(open(FILE, 'rb').read())['features']"))
    static let avro = ForeignFormat(
        "an Avro file", inPython("[row['features'] for row in fastavro.reader(open(FILE, 'rb'))]"))
    static let orc = ForeignFormat("an ORC file", inPython("pandas.read_orc(FILE).to_numpy('float32')"))
    static let tfRecord = ForeignFormat(
        "a TFRecord file", "read it by tf.data.TFRecordDataset and write its array by numpy.save")
    static let office = ForeignFormat(
        "an Office document or another OLE file", inPython("pandas.read_excel(FILE, header=None).to_numpy('float32')"))
    static let fits = ForeignFormat("a FITS file", inPython("astropy.io.fits.getdata(FILE).astype('float32')"))
    static let hdf4 = ForeignFormat("an HDF4 file", inPython("pyhdf.SD.SD(FILE).select('features')[:]"))
    static let root = ForeignFormat("a ROOT file", inPython("uproot.open(FILE)['features'].array(library='np')"))
    static let grib = ForeignFormat("a GRIB file", "name the file of features")
    static let rData = ForeignFormat("an R file", "write its features as an array by numpy.save")
    static let java = ForeignFormat("a serialized Java object", "write its features as an array by numpy.save")
    static let lmdb = ForeignFormat(
        "an LMDB database", "read its values by Python's lmdb and write them as an array by numpy.save")
    static let sqlite = ForeignFormat("an SQLite database", "write its features as an array by numpy.save")
    static let gguf = ForeignFormat("a GGUF model", "features are an array, and models are made by vigil import")
    static let tfLite = ForeignFormat(
        "a TensorFlow Lite model", "features are an array, and models are made by vigil import")
    static let onnx = ForeignFormat("an ONNX model", "features are an array, and models are made by vigil import")
    static let faiss = ForeignFormat("a FAISS index", inPython("faiss.read_index(FILE).reconstruct_n()"))
    static let vectors = ForeignFormat(
        "a file of vectors, each behind its length (fvecs)",
        inPython("numpy.fromfile(FILE, 'float32').reshape(-1, WIDTH + 1)[:, 1:]"))
    static let c3d = ForeignFormat(
        "a feature file of C3D", "its numbers follow five whole ones; VadCLIP takes rows of CLIP ViT-B/16")
    static let torch7 = ForeignFormat("a file of Torch7", inPython("torchfile.load(FILE)"))
    static let mxnet = ForeignFormat("a file of MXNet", "write its features as an array by numpy.save")
    static let kaldi = ForeignFormat("a Kaldi archive", inPython("dict(kaldiio.load_ark(FILE))['NAME']"))
    static let flow = ForeignFormat("an optical flow (.flo)", ofVideo)
    static let tensorRT = ForeignFormat(
        "a TensorRT engine", "features are an array, and models are made by vigil import")
    static let duckDB = ForeignFormat("a DuckDB database", "write its features as an array by numpy.save")
    static let capture = ForeignFormat("a recording of network traffic (pcap)", "name the file of features")
    static let program = ForeignFormat("a program", "name the file of features")
    static let statistics = ForeignFormat(
        "a file of SPSS, SAS or Stata",
        "read it by Python's pyreadstat and write its features as an array by numpy.save")
    static let cbor = ForeignFormat("a CBOR file", inPython("cbor2.load(open(FILE, 'rb'))['features']"))
    static let zfp = ForeignFormat("an array packed by ZFP", inPython("zfpy.decompress_numpy(open(FILE, 'rb').read())"))
    static let blosc = ForeignFormat(
        "an array packed by Blosc", "unpack it, in Python by blosc2, and write it by numpy.save")
    static let words = ForeignFormat(
        "a file of word vectors (word2vec)", "its vectors are of words; VadCLIP takes rows of CLIP ViT-B/16")
    static let pdf = ForeignFormat("a PDF document", "name the file of features")
    static let sound = ForeignFormat("a sound file", ofVideo)

    static let portableMap = ForeignFormat(
        "an image (PPM)", "make features of it by vigil extract, a row of CLIP ViT-B/16 for every 16 frames of a video")

    static func image(_ name: String) -> ForeignFormat {
        ForeignFormat(
            "an image (\(name))",
            name == "GIF" ? asVideo : "expected a video, or features: a row for every 16 frames of one")
    }
    static func video(_ name: String) -> ForeignFormat {
        ForeignFormat(
            "a video (\(name))",
            ["FLV", "WMV"].contains(name) ? "ffmpeg -i FILE -c copy FILE.mp4 makes one to score" : asVideo)
    }
    static func packed(_ name: String) -> ForeignFormat {
        ForeignFormat("an archive or file packed by \(name)", unpack)
    }

    private static let unpack = "unpack it first"
    private static let asVideo =
        "it is scored as it is by vigil score, and over HTTP in a form's field 'video' or as a body of video/mp4"
    private static let ofVideo = "extract features first, a row of CLIP ViT-B/16 for every 16 frames of a video"

    private static func inPython(_ array: String) -> String {
        "convert it, in Python by numpy.save('features.npy', \(array))"
    }
}

/// The table of marks that files begin with, for every reader of files and uploads.
extension ForeignFormat {
    /// What a file begins as: all the marks at their offsets.
    private struct Mark: Sendable {
        let format: ForeignFormat
        let parts: [(offset: Int, bytes: [UInt8])]

        init(_ format: ForeignFormat, _ bytes: [UInt8], at offset: Int = 0) {
            self.format = format
            parts = [(offset, bytes)]
        }

        init(_ format: ForeignFormat, _ text: String, at offset: Int = 0, then more: String? = nil) {
            self.format = format
            parts = [(offset, Array(text.utf8))] + (more.map { [(8, Array($0.utf8))] } ?? [])
        }

        init(_ format: ForeignFormat, _ bytes: [UInt8], then more: [UInt8], at offset: Int) {
            self.format = format
            parts = [(0, bytes), (offset, more)]
        }

        func holds(_ bytes: UnsafeRawBufferPointer) -> Bool {
            parts.allSatisfy { bytes.has($0.bytes, at: $0.offset) }
        }
    }

    /// Four bytes or more. Where the fourth is one that numbers of a usual size end with, there are others, or it is a size
    /// that features hardly have: the chance that a row begins so is 2^-32.
    private static let marks: [Mark] = [
        Mark(.hdf5, hdf5Mark), Mark(.matlab, "MATLAB 5.0 MAT-file"), Mark(.newMatlab, "MATLAB 7.3 MAT-file"),
        Mark(.netCDF, [0x43, 0x44, 0x46, 1]), Mark(.netCDF, [0x43, 0x44, 0x46, 2]),
        Mark(.netCDF, [0x43, 0x44, 0x46, 5]),
        Mark(.parquet, "PAR1"), Mark(.arrow, "ARROW1"), Mark(.feather, "FEA1"),
        Mark(.sqlite, "SQLite format 3"), Mark(.gguf, "GGUF"), Mark(.pdf, "%PDF-"),
        Mark(.program, [0x7F, 0x45, 0x4C, 0x46]),
        Mark(.image("PNG"), [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]),
        Mark(.image("GIF"), "GIF87a"), Mark(.image("GIF"), "GIF89a"), Mark(.image("WebP"), "RIFF", then: "WEBP"),
        Mark(.image("TIFF"), [0x49, 0x49, 0x2A, 0]), Mark(.image("TIFF"), [0x4D, 0x4D, 0, 0x2A]),
        Mark(.image("HEIF"), "ftyp", at: 4, then: "heic"), Mark(.image("HEIF"), "ftyp", at: 4, then: "mif1"),
        Mark(.image("AVIF"), "ftyp", at: 4, then: "avif"), Mark(.image("Photoshop"), "8BPS"),
        Mark(.image("JPEG XL"), [0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20]),
        Mark(.image("JPEG 2000"), [0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20]),
        Mark(.video("QuickTime"), "ftyp", at: 4, then: "qt  "), Mark(.video("MP4"), "ftyp", at: 4),
        Mark(.video("QuickTime"), "moov", at: 4), Mark(.video("QuickTime"), "mdat", at: 4),
        Mark(.video("QuickTime"), "wide", at: 4), Mark(.video("AVI"), "RIFF", then: "AVI "),
        Mark(.video("Matroska or WebM"), [0x1A, 0x45, 0xDF, 0xA3]), Mark(.video("FLV"), [0x46, 0x4C, 0x56, 1]),
        Mark(.video("WMV"), [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]), Mark(.video("Ogg"), "OggS"),
        Mark(.sound, "RIFF", then: "WAVE"), Mark(.sound, "fLaC"),
        Mark(.packed("7z"), [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]), Mark(.packed("RAR"), "Rar!\u{1A}\u{7}"),
        Mark(.packed("xz"), [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]), Mark(.packed("bzip2"), "1AY&SY", at: 4),
        Mark(.packed("Zstandard"), [0x28, 0xB5, 0x2F, 0xFD]), Mark(.packed("LZ4"), [0x04, 0x22, 0x4D, 0x18]),
        Mark(.packed("LZ4"), [0x02, 0x21, 0x4C, 0x18]), Mark(.packed("lzip"), "LZIP\u{1}"),
        Mark(.packed("LZMA"), [0x5D, 0, 0], then: [UInt8](repeating: 0xFF, count: 8), at: 5),
        Mark(.packed("Snappy"), [0xFF, 6, 0, 0], then: Array("sNaPpY".utf8), at: 4),
        Mark(.packed("lzop"), [0x89, 0x4C, 0x5A, 0x4F, 0, 0x0D, 0x0A]), Mark(.packed("ar"), "!<arch>\n"),
        Mark(.packed("CAB"), "MSCF\0\0\0\0"), Mark(.packed("RPM"), [0xED, 0xAB, 0xEE, 0xDB]),
        Mark(.program, [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]), Mark(.program, [0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0]),
        Mark(.program, [0xCF, 0xFA, 0xED, 0xFE]), Mark(.program, [0xCE, 0xFA, 0xED, 0xFE]),
        Mark(.program, [0xFE, 0xED, 0xFA, 0xCF]), Mark(.program, [0xFE, 0xED, 0xFA, 0xCE]),
        Mark(.office, [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]), Mark(.fits, "SIMPLE  ="),
        Mark(.image("NIfTI"), [0x1C, 2, 0, 0], then: Array("n+2\0".utf8), at: 4),
        Mark(.image("NIfTI"), [0x1C, 2, 0, 0], then: Array("ni2\0".utf8), at: 4),
        Mark(.image("NIfTI"), [0, 0, 2, 0x1C], then: Array("n+2\0".utf8), at: 4),
        Mark(.image("NIfTI"), [0, 0, 2, 0x1C], then: Array("ni2\0".utf8), at: 4),
        Mark(.image("TIFF"), [0x49, 0x49, 0x2B, 0, 8, 0]), Mark(.image("TIFF"), [0x4D, 0x4D, 0, 0x2B, 0, 8]),
        Mark(.image("OpenEXR"), [0x76, 0x2F, 0x31, 1]), Mark(.image("JPEG 2000"), [0xFF, 0x4F, 0xFF, 0x51]),
        Mark(.video("QuickTime"), "free", at: 4), Mark(.video("QuickTime"), "skip", at: 4),
        Mark(.video("IVF"), [0x44, 0x4B, 0x49, 0x46, 0, 0, 0x20, 0]),
        Mark(.sound, "FORM", then: "AIFF"), Mark(.sound, "FORM", then: "AIFC"), Mark(.sound, "MThd"),
        Mark(.sound, ".snd"), Mark(.sound, "caff"), Mark(.sound, "wvpk"), Mark(.sound, "#!AMR"),
        Mark(.capture, [0xD4, 0xC3, 0xB2, 0xA1]), Mark(.capture, [0xA1, 0xB2, 0xC3, 0xD4]),
        Mark(.capture, [0x4D, 0x3C, 0xB2, 0xA1]), Mark(.capture, [0xA1, 0xB2, 0x3C, 0x4D]),
        Mark(.capture, [0x0A, 0x0D, 0x0D, 0x0A], then: [0x4D, 0x3C, 0x2B, 0x1A], at: 8),
        Mark(.capture, [0x0A, 0x0D, 0x0D, 0x0A], then: [0x1A, 0x2B, 0x3C, 0x4D], at: 8),
        Mark(.avro, "Obj\u{1}"), Mark(.hdf4, [0x0E, 3, 0x13, 1]), Mark(.root, [0x72, 0x6F, 0x6F, 0x74, 0, 0]),
        Mark(.grib, Array("GRIB".utf8), then: [1], at: 7),
        Mark(.grib, Array("GRIB".utf8), then: [2], at: 7), Mark(.java, [0xAC, 0xED, 0, 5]), Mark(.rData, "RDX2\n"),
        Mark(.rData, "RDX3\n"),
        // Before a value is 1 of the smallest there are, which no feature is.
        Mark(.lmdb, [0xDE, 0xC0, 0xEF, 0xBE, 1, 0, 0, 0], at: 16),
        // As numbers their first four bytes are below 1e-30 and not 0.
        Mark(.rData, [0x58, 0x0A, 0, 0, 0, 2]), Mark(.rData, [0x58, 0x0A, 0, 0, 0, 3]), Mark(.zfp, "zfp\u{5}"),
        Mark(.image("PLY"), "ply\nformat "), Mark(.image("PLY"), "ply\r\nformat "),
        Mark(.statistics, "$FL2@(#)"), Mark(.statistics, "$FL3@(#)"), Mark(.statistics, "<stata_dta>"),
        Mark(.statistics, [0xC2, 0xEA, 0x81, 0x60, 0xB3, 0x14, 0x11, 0xCF], at: 12),
        Mark(.image("Radiance"), "#?RADIANCE"), Mark(.image("Radiance"), "#?RGBE"), Mark(.image("NRRD"), "NRRD000"),
        Mark(.image("VTK"), "# vtk DataFile"), Mark(.image("glTF"), [0x67, 0x6C, 0x54, 0x46, 2, 0, 0, 0]),
        Mark(.image("DDS"), [0x44, 0x44, 0x53, 0x20, 0x7C, 0, 0, 0]),
        Mark(.blosc, [0x9E, 0xA8, 0x62, 0x32, 0x66, 0x72]),
        Mark(.tfLite, "TFL3", at: 4), Mark(.tensorRT, "ftrt"), Mark(.duckDB, "DUCK", at: 8),
        Mark(.c3d, [1, 0, 0, 0], then: [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], at: 8),
        Mark(.torch7, [4, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0x56, 0x20]),
        Mark(.mxnet, [0x12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Mark(.mxnet, [0x0A, 0x23, 0xD7, 0xCE]),
        Mark(.flow, "PIEH"), Mark(.image("QOI"), "qoif"), Mark(.video("YUV4MPEG2"), "YUV4MPEG2 "),
        Mark(.video("MXF"), [0x06, 0x0E, 0x2B, 0x34, 2, 5, 1, 1]), Mark(.video("RealMedia"), ".RMF"),
        Mark(.video("MP4"), "styp", at: 4), Mark(.video("MP4"), "moof", at: 4), Mark(.video("MP4"), "sidx", at: 4),
    ]

    /// Those that a file may have that begins with a byte.
    private static let marksByFirst: [[Mark]] = (0...UInt8.max).map { byte in
        marks.filter { $0.parts[0].offset > 0 || $0.parts[0].bytes[0] == byte }
    }

    /// The same behind the first 32 bytes.
    private static let innerMarks: [Mark] = [
        Mark(.hdf5, hdf5Mark, at: 512), Mark(.packed("tar"), "ustar", at: 257), Mark(.image("DICOM"), "DICM", at: 128),
        Mark(.image("NIfTI"), [0x5C, 1, 0, 0], then: Array("n+1\0".utf8), at: 344),
        Mark(.image("NIfTI"), [0x5C, 1, 0, 0], then: Array("ni1\0".utf8), at: 344),
        Mark(.image("NIfTI"), [0, 0, 1, 0x5C], then: Array("n+1\0".utf8), at: 344),
        Mark(.image("NIfTI"), [0, 0, 1, 0x5C], then: Array("ni1\0".utf8), at: 344),
        Mark(.image("Analyze"), [0x5C, 1, 0, 0], then: [0, 0x40, 0, 0, 0, 0, 0x72], at: 32),
        Mark(.image("Analyze"), [0, 0, 1, 0x5C], then: [0, 0, 0x40, 0, 0, 0, 0x72], at: 32),
    ]

    private static let hdf5Mark: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

    /// The format that the first 32 bytes tell.
    static func marked(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        guard let first = bytes.first else { return nil }
        for mark in marksByFirst[Int(first)] where mark.holds(bytes) { return mark.format }
        return shaped(bytes)
    }

    /// The format that marks further inside tell.
    static func inside(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        for mark in innerMarks where mark.holds(bytes) { return mark.format }
        return shapedInside(bytes)
    }
}
