"""Which DICOM attributes survive de-identification.

The list says what stays; whatever it does not name goes: private attributes, names, addresses,
comments, descriptions, overlays, curves, and whatever vendors will think of next. It follows PS3.15
Annex E (Basic Application Level Confidentiality Profile, with the options Retain Longitudinal Temporal
Information with Modified Dates and Clean Descriptors) and is narrower: it keeps only what an image, a
segmentation or a structure set needs to be read, placed and compared.
"""

from __future__ import annotations

_SOP = """
SpecificCharacterSet SOPClassUID SOPInstanceUID ImageType Modality Laterality
StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID SynchronizationFrameOfReferenceUID
SeriesNumber AcquisitionNumber InstanceNumber NumberOfFrames
PatientPosition PatientOrientation BodyPartExamined
BurnedInAnnotation LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod
ContentQualification PixelPresentation VolumetricProperties VolumeBasedCalculationTechnique
PresentationIntentType FrameType
"""

_DATES = """
StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate StructureSetDate
StudyTime SeriesTime AcquisitionTime ContentTime InstanceCreationTime StructureSetTime
AcquisitionDateTime FrameAcquisitionDateTime FrameReferenceDateTime StartAcquisitionDateTime
EndAcquisitionDateTime ContrastBolusStartTime ContrastBolusStopTime
"""

_DEVICE = """
Manufacturer ManufacturerModelName SoftwareVersions ConvolutionKernel ConvolutionKernelGroup
FilterType GantryDetectorTilt TableHeight TablePosition TableSpeed TableFeedPerRotation SpiralPitchFactor
RotationDirection RevolutionTime SingleCollimationWidth TotalCollimationWidth ScanOptions AcquisitionType
KVP ExposureTime XRayTubeCurrent Exposure ExposureInmAs ExposureTimeInms XRayTubeCurrentInmA GeneratorPower
FocalSpots CTDIvol DataCollectionDiameter ReconstructionDiameter DistanceSourceToDetector DistanceSourceToPatient
ReconstructionAlgorithm ReconstructionPixelSpacing ReconstructionFieldOfView ContrastBolusAgent
ContrastBolusVolume ContrastBolusAgentNumber ContrastBolusAgentAdministered
ContrastBolusAgentDetected ContrastBolusAgentPhase
"""

_GEOMETRY = """
ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices SliceLocation
Rows Columns SamplesPerPixel PhotometricInterpretation PlanarConfiguration BitsAllocated BitsStored HighBit
PixelRepresentation SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit
PixelAspectRatio RescaleIntercept RescaleSlope RescaleType WindowCenter WindowWidth VOILUTFunction
PresentationLUTShape ExtendedOffsetTable ExtendedOffsetTableLengths
PixelData FloatPixelData DoubleFloatPixelData
"""

_SEQUENCES = """
SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PlanePositionSequence PlaneOrientationSequence
PixelMeasuresSequence PixelValueTransformationSequence FrameContentSequence FrameVOILUTSequence
CTImageFrameTypeSequence CTAcquisitionTypeSequence CTAcquisitionDetailsSequence CTTableDynamicsSequence
CTPositionSequence CTGeometrySequence CTReconstructionSequence CTExposureSequence CTXRayDetailsSequence
ContrastBolusUsageSequence FrameAnatomySequence SegmentIdentificationSequence DerivationImageSequence
SourceImageSequence ReferencedSeriesSequence ReferencedInstanceSequence ReferencedImageSequence
DimensionOrganizationSequence DimensionIndexSequence ConversionSourceAttributesSequence
"""

_DIMENSIONS = """
FrameAcquisitionNumber DimensionIndexValues DimensionOrganizationType DimensionOrganizationUID
DimensionIndexPointer FunctionalGroupPointer TemporalPositionIndex InStackPositionNumber FrameLaterality
ReferencedSOPClassUID ReferencedSOPInstanceUID ReferencedFrameNumber ReferencedSegmentNumber
"""

_SEGMENTATION = """
SegmentationType SegmentationFractionalType MaximumFractionalValue SegmentsOverlap SegmentSequence SegmentNumber
SegmentLabel SegmentAlgorithmType SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence
AnatomicRegionSequence RecommendedDisplayCIELabValue RecommendedDisplayGrayscaleValue
"""

_STRUCTURE_SET = """
ReferencedFrameOfReferenceSequence RTReferencedStudySequence RTReferencedSeriesSequence ContourImageSequence
StructureSetROISequence ROINumber ReferencedFrameOfReferenceUID ROIName ROIGenerationAlgorithm
ROIContourSequence ROIDisplayColor ReferencedROINumber ContourSequence ContourNumber ContourGeometricType
NumberOfContourPoints ContourSlabThickness ContourOffsetVector ContourData
RTROIObservationsSequence ObservationNumber RTROIInterpretedType
"""

_CODES = "CodeValue CodingSchemeDesignator CodeMeaning"

#: Keywords of the attributes that stay, at any depth.
KEPT = frozenset(
    " ".join(
        (_SOP, _DATES, _DEVICE, _GEOMETRY, _SEQUENCES, _DIMENSIONS, _SEGMENTATION, _STRUCTURE_SET, _CODES)
    ).split()
)

#: Names of regions: kept word by word where the word is one of `REGION_WORDS`.
REGION_NAMES = frozenset({"ROIName", "SegmentLabel"})

_REGION_WORDS = """
gtv gtvp gtvn ctv ptv itv igtv oar roi label mask seg segment segmentation structure region target contour
tumour tumor tumours tumors lesion lesions nodule nodules mass primary recurrence metastasis cancer node nodes
lymph nodal core whole edge margin ring rim shell necrosis habitat peritumoral peritumoural
lung lungs lobe upper middle lower left right l r lul lll rul rml rll both total minus sub
spinal cord canal spine vertebra heart esophagus oesophagus trachea carina bronchus bronchi aorta liver
kidney kidneys stomach spleen thyroid skin body external bone ribs rib chest wall airway vessel vessels
background couch table ct pet mr mri suv pre post baseline followup timepoint
reader observer manual auto automatic semiautomatic consensus final edited first second third fourth
p n m ln cm mm a b c d t green orange purple blue red yellow light dark
"""

#: Words that name regions and nobody.
REGION_WORDS = frozenset(_REGION_WORDS.split())

_DEFINED_TERMS = """
ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER MPR OTHER NONE VOLUME SAMPLED DISTORTED MIXED
CT_SOM5 CT_SOM7 CT_SOM8 SPI SEQ HELICAL SPIRAL SEQUENCED CONSTANT_ANGLE STATIONARY FREE REFORMATTED AVERAGE MAX MIN
CT MR SEG RTSTRUCT HFS HFP HFDR HFDL FFS FFP FFDR FFDL L R B U A P H F YES NO
CHEST THORAX LUNG ABDOMEN NECK HEAD PELVIS WHOLEBODY CHESTABDOMEN CHESTABDPELVIS
MONOCHROME1 MONOCHROME2 MONOCHROME COLOR IDENTITY LINEAR LINEAR_EXACT SIGMOID HU
ISO_10918_1 ISO_14495_1 ISO_15444_1 ISO_13818_2 PRODUCT RESEARCH SERVICE FOR PRESENTATION PROCESSING
CW CC FILTER_BACK_PROJ ITERATIVE LUNG_KERNEL BRAIN EDGE SHARP SMOOTH STANDARD SOFT_TISSUE BONE
PRE_CONTRAST POST_CONTRAST IMMEDIATE DYNAMIC STEADY_STATE DELAYED ARTERIAL PORTAL_VENOUS VENOUS
BINARY FRACTIONAL LABELMAP PROBABILITY OCCUPANCY UNDEFINED AUTOMATIC SEMIAUTOMATIC MANUAL
POINT OPEN_PLANAR OPEN_NONPLANAR CLOSED_PLANAR CLOSEDPLANAR_XOR 3D TILED_FULL TILED_SPARSE
EXTERNAL GTV CTV PTV ORGAN CONTROL AVOIDANCE TREATED_VOLUME CAVITY CONTRAST_AGENT SUPPORT FIXATION
"""

#: Terms that code strings may hold; a name in capitals is no such term.
DEFINED_TERMS = frozenset(_DEFINED_TERMS.split())

#: Code strings that must be there: a term that is not known becomes "OTHER" instead of going.
OTHER_INSTEAD = frozenset({"ImageType", "FrameType"})

#: What text of a value representation may look like to stay; other values go.
PATTERNS = {
    "SH": r"[ -~]{0,16}",
    "LO": r"[ -~]{0,64}",
    "TM": r"\d{2}|\d{4}|\d{6}(\.\d{1,6})?",
}

#: Coding schemes whose meanings are published; private ones (99...) may say anything.
PUBLIC_CODING_SCHEMES = frozenset(
    {"DCM", "SCT", "SRT", "SNM3", "UCUM", "FMA", "RADLEX", "NCIt", "LN", "ICD10", "I10"}
)

#: PS3.16 CID 7050 codes of what was done: (value, meaning).
METHOD_CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)

METHOD = "PS3.15 Basic Profile, modified dates, clean descriptors"

#: Storage classes whose pixels show anatomy only; others (secondary captures, reports) may show a name.
CLEANABLE_STORAGE = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",  # CT
        "1.2.840.10008.5.1.4.1.1.2.1",  # enhanced CT
        "1.2.840.10008.5.1.4.1.1.2.2",  # legacy converted enhanced CT
        "1.2.840.10008.5.1.4.1.1.66.4",  # segmentation
        "1.2.840.10008.5.1.4.1.1.66.7",  # label map segmentation
        "1.2.840.10008.5.1.4.1.1.481.3",  # RT structure set
    }
)

#: Type 2 attributes that must be present and are emptied.
EMPTIED = ("PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID", "AccessionNumber")
