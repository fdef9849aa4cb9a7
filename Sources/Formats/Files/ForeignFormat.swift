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
    static let matlab = ForeignFormat("a MATLAB file", inPython("scipy.io.loadmat(FILE)['features']"))
    static let newMatlab = ForeignFormat(
        "a MATLAB 7.3 file, which is HDF5", inPython("h5py.File(FILE)['features'][()].T"))
    static let netCDF = ForeignFormat("a NetCDF file", inPython("netCDF4.Dataset(FILE)['features'][:]"))
    static let parquet = ForeignFormat("a Parquet file", inPython("pandas.read_parquet(FILE).to_numpy('float32')"))
    static let feather = ForeignFormat("a Feather file", inPython("pandas.read_feather(FILE).to_numpy('float32')"))
    static let arrow = ForeignFormat("an Arrow file", inPython("pandas.read_feather(FILE).to_numpy('float32')"))
    static let arrowStream = ForeignFormat(
        "an Arrow stream", inPython("pyarrow.ipc.open_stream(FILE).read_pandas().to_numpy('float32')"))
    static let table = ForeignFormat(
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
    static let pdf = ForeignFormat("a PDF document", "name the file of features")
    static let sound = ForeignFormat("a sound file", ofVideo)

    static func image(_ name: String) -> ForeignFormat { ForeignFormat("an image (\(name))", ofVideo) }
    static func video(_ name: String) -> ForeignFormat { ForeignFormat("a video (\(name))", ofVideo) }
    static func packed(_ name: String) -> ForeignFormat {
        ForeignFormat("an archive or file packed by \(name)", unpack)
    }

    private static let unpack = "unpack it first"
    private static let ofVideo = "extract features first, a row of CLIP ViT-B/16 for every 16 frames of a video"

    private static func inPython(_ array: String) -> String {
        "convert it, in Python by numpy.save('features.npy', \(array))"
    }
}
